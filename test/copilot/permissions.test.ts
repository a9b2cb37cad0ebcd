import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Denial, TurnResult } from '../../src/contract/index.ts';
import { bash, TurnBench, until } from '../support/turns.ts';
import type { Scenario } from '../support/model.ts';

const call = (name: string, args: Record<string, unknown>) => ({ tools: [{ name, arguments: args }] });

describe('permissions', () => {
  let bench: TurnBench;
  let outside: string;
  const steps = new Map<string, Scenario['steps']>();

  beforeAll(async () => {
    // What a subagent is to do is decided when its folder is known.
    bench = await TurnBench.start([
      {
        when: () => true,
        steps: (conversation) => {
          const word = [...steps.keys()].find((key) => conversation.userMessages[0]?.includes(key));
          const list = steps.get(word ?? '') as Exclude<Scenario['steps'], (...args: never) => unknown>;
          return list[conversation.answers] ?? { text: 'Done.' };
        },
      },
    ]);
    outside = join(bench.root, 'outside');
    mkdirSync(join(outside, 'folder'), { recursive: true });
    mkdirSync(join(bench.root, 'temporary'));
    writeFileSync(join(outside, 'secret'), 'SECRET');
    // The folder of this test lies in the real temporary folder, where everything is allowed.
    bench.env = { TMPDIR: join(bench.root, 'temporary') };
    await bench.restart();
  });
  afterAll(() => bench.close());

  async function subagent(label: string): Promise<Awaited<ReturnType<TurnBench['subagent']>>> {
    const made = await bench.subagent(label);
    symlinkSync(join(outside, 'folder'), join(made.cwd, 'linked'));
    symlinkSync(join(outside, 'made-through-a-link'), join(made.cwd, 'dangling'));
    symlinkSync(join(outside, 'secret'), join(made.cwd, 'secret-link'));
    writeFileSync(join(made.cwd, 'inside'), 'INSIDE');
    return made;
  }
  const denialsOf = (result: TurnResult): readonly Denial[] =>
    result.kind === 'lost' ? [] : (result.denials ?? []);
  const said = (label: string): string =>
    bench.model.requests
      .filter(({ conversation }) => conversation?.userMessages[0]?.includes(label))
      .map(({ conversation }) => conversation?.text)
      .join('\n');

  it('workspace: file tools stay within the real path of the worktree and the temporary folder', async () => {
    const { subagent: who, cwd } = await subagent('fenced');
    const temporary = join(bench.root, 'temporary');
    const denied = [
      call('view', { path: join(outside, 'secret') }),
      call('view', { path: join(cwd, 'secret-link') }),
      call('view', { path: `${cwd}/../../outside/secret` }),
      call('view', { path: '../../outside/secret' }),
      call('create', { path: join(outside, 'made'), file_text: 'x' }),
      call('create', { path: join(cwd, 'linked/made'), file_text: 'x' }),
      call('create', { path: join(cwd, 'dangling'), file_text: 'x' }),
      call('edit', { path: join(cwd, 'secret-link'), old_str: 'SECRET', new_str: 'GONE' }),
      call('grep', { pattern: 'SECRET', path: outside, output_mode: 'content' }),
      call('glob', { pattern: '*', path: join(cwd, 'linked') }),
    ];
    steps.set('fenced', [
      ...denied,
      // Not told what they are searched in: they stay in the worktree by themselves.
      call('glob', { pattern: `${outside}/*` }),
      call('grep', { pattern: 'SECRET', glob: '../../outside/**' }),
      call('view', { path: join(cwd, 'inside') }),
      call('create', { path: join(cwd, 'made'), file_text: 'x' }),
      call('create', { path: join(temporary, 'made'), file_text: 'x' }),
      bash('cat inside > from-shell'),
    ]);
    const result = await bench.run({ subagent: who, cwd, permissions: 'workspace' }).result;

    expect(result.kind).toBe('finished');
    expect(denialsOf(result).reduce((sum, { count }) => sum + count, 0)).toBe(denied.length);
    expect(denialsOf(result)).toContainEqual({ tool: 'create', what: join(cwd, 'linked/made'), count: 1 });
    expect(said('fenced')).not.toContain('SECRET');
    expect(said('fenced')).toContain('is outside the workspace and the temporary folder');
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('SECRET');
    for (const made of ['made', 'folder/made', 'made-through-a-link'])
      expect(existsSync(join(outside, made))).toBe(false);
    expect(existsSync(join(temporary, 'made'))).toBe(true);
    expect(readFileSync(join(cwd, 'from-shell'), 'utf8')).toBe('INSIDE');
  });

  it('read-only: no write tool and no shell, for Copilot’s own sub-agents neither', async () => {
    const { subagent: who, cwd } = await subagent('looker');
    const attempts = (name: string) => [
      call('create', { path: join(cwd, name), file_text: 'x' }),
      call('edit', { path: join(cwd, 'inside'), old_str: 'INSIDE', new_str: name }),
      bash(`echo x > ${name}`),
      call('web_fetch', { url: bench.model.url }),
      call('apply_patch', { input: `*** Begin Patch\n*** Add File: ${name}\n+x\n*** End Patch` }),
    ];
    steps.set('errand', attempts('by-sub-agent'));
    steps.set('looker', [
      ...attempts('by-itself'),
      call('task', {
        agent_type: 'general-purpose',
        name: 'sub',
        description: 'x',
        prompt: 'the errand',
        mode: 'sync',
      }),
      call('view', { path: join(cwd, 'inside') }),
      call('view', { path: join(outside, 'secret') }),
    ]);
    const result = await bench.run({ subagent: who, cwd, permissions: 'read-only' }).result;

    expect(result.kind).toBe('finished');
    expect(existsSync(join(cwd, 'by-itself'))).toBe(false);
    expect(existsSync(join(cwd, 'by-sub-agent'))).toBe(false);
    expect(readFileSync(join(cwd, 'inside'), 'utf8')).toBe('INSIDE');
    expect(said('looker')).toContain('INSIDE');
    expect(said('looker')).not.toContain('SECRET');
    const denied = denialsOf(result);
    expect(denied).toContainEqual({ tool: 'bash', what: 'echo x > by-itself', count: 1 });
    expect(denied).toContainEqual({ tool: 'bash', what: 'echo x > by-sub-agent', count: 1 });
    expect(denied.reduce((sum, { count }) => sum + count, 0)).toBe(11);
    const offered = bench.model.requests.flatMap(({ conversation, tools }) =>
      conversation?.userMessages[0]?.includes('looker') ? tools : [],
    );
    expect(offered).toContain('ask_parent');
    for (const tool of ['bash', 'create', 'edit', 'apply_patch']) expect(offered).not.toContain(tool);
  });

  it('keeps them, and the count, over the death of the runtime', async () => {
    const { subagent: who, cwd } = await subagent('survivor');
    steps.set('survivor', [
      call('create', { path: join(outside, 'first'), file_text: 'x' }),
      bash('touch reached; sleep 3458'),
      call('create', { path: join(outside, 'second'), file_text: 'x' }),
    ]);
    const first = bench.run({ subagent: who, cwd, permissions: 'workspace' });
    await until('its shell command', () => existsSync(join(cwd, 'reached')));
    await bench.killRuntime();
    expect((await first.result).kind).toBe('lost');
    const result = await bench.run({ subagent: who, cwd, permissions: 'workspace', lostBefore: 1 }).result;

    expect(result.kind).toBe('finished');
    expect(denialsOf(result)).toEqual([
      { tool: 'create', what: join(outside, 'first'), count: 1 },
      { tool: 'create', what: join(outside, 'second'), count: 1 },
    ]);
    expect(existsSync(join(outside, 'first'))).toBe(false);
    expect(existsSync(join(outside, 'second'))).toBe(false);
  });

  it('a policy denies commands, paths and tools, whatever the permissions are', async () => {
    const { subagent: who, cwd } = await subagent('ruled');
    const denied = [
      bash('echo pushing; git push origin main'),
      bash("sh -c 'touch from-sh && git push'"),
      call('view', { path: join(outside, 'secret') }),
      call('view', { path: join(cwd, 'secret-link') }),
      call('view', { path: '../../outside/secret' }),
      call('grep', { pattern: 'SECRET', path: outside, output_mode: 'content' }),
      call('create', { path: join(outside, 'made-against-policy'), file_text: 'x' }),
      call('view', { path: join(cwd, '.env') }),
      call('glob', { pattern: '*.ts' }),
    ];
    writeFileSync(join(cwd, '.env'), 'SECRET');
    steps.set('ruled', [
      ...denied,
      bash('git status --short > status; touch by-shell'),
      call('view', { path: join(cwd, 'inside') }),
      call('create', { path: join(cwd, 'made'), file_text: 'x' }),
    ]);
    const result = await bench.run({
      subagent: who,
      cwd,
      policies: [
        { layer: 'repository', policy: { deny: ['command git push', 'path **/.env'] } },
        {
          layer: 'spawn',
          policy: {
            deny: [`path ${outside}/**`],
            // It needs no permission, so it cannot wait for an approval.
            ask: ['tool glob'],
            allow: ['command git *'],
          },
        },
      ],
    }).result;

    expect(result.kind).toBe('finished');
    expect(denialsOf(result)).toEqual([
      { tool: 'bash', what: 'echo pushing; git push origin main', count: 1 },
      { tool: 'bash', what: "sh -c 'touch from-sh && git push'", count: 1 },
      { tool: 'view', what: join(outside, 'secret'), count: 1 },
      { tool: 'view', what: join(cwd, 'secret-link'), count: 1 },
      { tool: 'view', what: '../../outside/secret', count: 1 },
      { tool: 'grep', what: outside, count: 1 },
      { tool: 'create', what: join(outside, 'made-against-policy'), count: 1 },
      { tool: 'view', what: join(cwd, '.env'), count: 1 },
      { tool: 'glob', what: '*.ts', count: 1 },
    ]);
    expect(said('ruled')).toContain(
      'Denied: git push origin main (the rule "command git push" of the policy of the repository)',
    );
    expect(said('ruled')).toContain(
      'Not run, because it needs an approval: glob (the rule "tool glob" of the policy of this task)',
    );
    expect(existsSync(join(cwd, 'from-sh'))).toBe(false);
    expect(existsSync(join(outside, 'made-against-policy'))).toBe(false);
    for (const made of ['by-shell', 'made', 'status']) expect(existsSync(join(cwd, made))).toBe(true);
  });

  it('a policy holds over the death of the runtime', async () => {
    const { subagent: who, cwd } = await subagent('held');
    steps.set('held', [
      bash('git push'),
      bash('touch reached; sleep 3459'),
      bash('sudo git push; touch after'),
    ]);
    const policies = [{ layer: 'spawn' as const, policy: { deny: ['command git push'] } }];
    const first = bench.run({ subagent: who, cwd, policies });
    await until('its shell command', () => existsSync(join(cwd, 'reached')));
    await bench.killRuntime();
    expect((await first.result).kind).toBe('lost');
    const result = await bench.run({ subagent: who, cwd, policies, lostBefore: 1 }).result;
    expect(result.kind).toBe('finished');
    expect(denialsOf(result)).toEqual([
      { tool: 'bash', what: 'git push', count: 1 },
      { tool: 'bash', what: 'sudo git push; touch after', count: 1 },
    ]);
    expect(existsSync(join(cwd, 'after'))).toBe(false);
  });

  it('all: everything without asking', async () => {
    const { subagent: who, cwd } = await subagent('free');
    steps.set('free', [call('create', { path: join(outside, 'by-free'), file_text: 'x' })]);
    const result = await bench.run({ subagent: who, cwd }).result;
    expect(denialsOf(result)).toEqual([]);
    expect(existsSync(join(outside, 'by-free'))).toBe(true);
  });
});
