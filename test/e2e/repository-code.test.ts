/** Code that a repository brings along: what runs of it, when, and how that is told. */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Outcome, SpawnSpec, Subagents } from '../../src/client/index.ts';
import { temporaryFolder } from '../support/home.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { eventually } from '../support/eventually.ts';
import { inItsShell, processesWith } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;
let canaries: string;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

const call = (name: string) => ({ tools: [{ name, arguments: {} }] });

beforeAll(async () => {
  folder = await temporaryFolder();
  canaries = join(folder.path, 'canaries');
  fleet = await startFleet(
    [
      on('sing', [bash('true'), call('canary-touch'), call('extension_tool'), { text: 'Used.' }]),
      on('linger', [bash('sleep 4570'), { text: 'Never.' }]),
      on('fail to commit', [bash('echo 1 > a && git add a && git commit -m "Add a"'), { text: 'Refused.' }]),
      on('hang', [
        bash('echo 1 > b && git add b && git commit -m "Add b"', { initial_wait: 8 }),
        { text: 'It hangs.' },
      ]),
      on('wait for the hook', [
        bash('echo 1 > c && git add c && git commit -m "Add c"', { initial_wait: 120 }),
        { text: 'Never.' },
      ]),
    ],
    { files: repositoryCode() },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  mkdirSync(canaries, { recursive: true });
});

/** Hooks, an MCP server, an extension, a skill and an agent, each of which leaves a file where it ran. */
function repositoryCode(): Record<string, string> {
  const touch = (name: string) => `mkdir -p ${canaries} && touch ${canaries}/${name}`;
  const hook = (name: string) => [{ type: 'command', bash: touch(name), timeoutSec: 10 }];
  const leave = (name: string) =>
    `mkdirSync('${canaries}', { recursive: true }); writeFileSync('${canaries}/${name}', '');`;
  return {
    '.github/hooks/canary.json': JSON.stringify({
      version: 1,
      hooks: { sessionStart: hook('hook-start'), preToolUse: hook('hook-tool') },
    }),
    '.mcp.json': JSON.stringify({
      mcpServers: { canary: { type: 'stdio', command: 'node', args: ['canary-server.mjs'], tools: ['*'] } },
    }),
    'canary-server.mjs': `import { mkdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
${leave('mcp')}
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const result =
    method === 'initialize'
      ? { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'canary', version: '1' } }
      : method === 'tools/list'
        ? { tools: [{ name: 'touch', description: 'touches', inputSchema: { type: 'object', properties: {} } }] }
        : { content: [{ type: 'text', text: 'touched' }] };
  if (method === 'tools/call') writeFileSync('${canaries}/mcp-called', '');
  console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
});
`,
    '.github/extensions/canary/extension.mjs': `import { mkdirSync, writeFileSync } from 'node:fs';
import { joinSession } from '@github/copilot-sdk/extension';
${leave('extension')}
await joinSession({
  tools: [{ name: 'extension_tool', description: 'x', parameters: { type: 'object', properties: {} }, handler: () => 'ok' }],
});
`,
    '.github/skills/canary-skill/SKILL.md': '---\nname: canary-skill\ndescription: sings\n---\nSing.\n',
    '.github/agents/canary-agent.agent.md': '---\nname: canary-agent\ndescription: sings\n---\nSing.\n',
  };
}

async function run(label: string, spec: Omit<SpawnSpec, 'label'>): Promise<Outcome> {
  await subagents.session('code').spawn({ ...spec, label }, { cwd: fleet.repository.path });
  return subagents.session('code').subagent(label).result();
}

describe('what a repository has for Copilot', () => {
  it('does not run without trustRepo', async () => {
    const outcome = await run('careful', { task: 'sing' });
    expect(outcome).toMatchObject({ status: 'done', loaded: [] });
    expect(outcome.sweep?.notChecked.join()).not.toContain('own hooks');
    expect(readdirSync(canaries)).toEqual([]);
  });

  it('runs with it, and is listed', async () => {
    const outcome = await run('trusting', { task: 'sing', trustRepo: true });
    expect(outcome.status).toBe('done');
    // What they leave running carries no mark by which it could be found.
    expect(outcome.sweep?.notChecked[0]).toBe(
      'processes that the repository’s own hooks, extensions and MCP servers started',
    );
    expect(outcome.loaded).toEqual(
      expect.arrayContaining([
        'MCP server canary (connected)',
        'extension canary (running)',
        'hook sessionStart of .github/hooks/canary.json',
        'hook preToolUse of .github/hooks/canary.json',
        'skill canary-skill',
        'agent canary-agent',
      ]),
    );
    expect(readdirSync(canaries).sort()).toEqual([
      'extension',
      'hook-start',
      'hook-tool',
      'mcp',
      'mcp-called',
    ]);
    await eventually(() => Promise.resolve(processesWith('canary-server.mjs').length === 0));
    const kept = readdirSync(join(fleet.home, 'copilot/session-state'));
    expect(kept.filter((name) => name.endsWith('-trust'))).toEqual([]);
  });

  it('does not run without it after another had it', async () => {
    rmSync(canaries, { recursive: true });
    const outcome = await run('wary', { task: 'sing' });
    expect(outcome.loaded).toEqual([]);
    expect(existsSync(canaries)).toBe(false);
    const { tools } = fleet.model.requests.findLast((request) =>
      request.conversation?.userMessages[0]?.includes('wary'),
    )!;
    for (const tool of ['canary-touch', 'extension_tool', 'extensions_manage', 'extensions_reload'])
      expect(tools).not.toContain(tool);
  });

  it('is listed of one that was killed, too', async () => {
    const session = subagents.session('code');
    await session.spawn({ label: 'cut', task: 'linger', trustRepo: true }, { cwd: fleet.repository.path });
    await inItsShell(subagents, 'code', 'cut');
    const { outcome } = await session.subagent('cut').kill();
    expect(outcome.loaded).toContain('extension canary (running)');
  });
});

describe('git hooks of the repository', () => {
  function hook(script: string): void {
    const path = join(fleet.repository.path, '.git/hooks/pre-commit');
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }

  it('that fail are the subagent’s to see; ours do not run', async () => {
    hook('echo "no semicolon, no commit"; exit 1');
    const outcome = await run('refused', { task: 'fail to commit' });
    const { conversation } = fleet.model.requests.findLast((request) =>
      request.conversation?.userMessages[0]?.includes('fail to commit'),
    )!;
    expect(conversation?.toolResults.at(-1)).toContain('no semicolon, no commit');
    expect(outcome).toMatchObject({ status: 'done', evidence: { commitCount: 1, savedLeftovers: true } });
  });

  it('that hang are announced as stuck, and do not hold the subagent for ever', async () => {
    hook('sleep 4569');
    const outcome = await run('hanging', { task: 'hang', stuckAfter: '2s' });
    expect(outcome.status).toBe('done');
    expect(outcome.notes).toContainEqual(expect.stringContaining('git commit'));
    expect(outcome.evidence?.filesChanged).toEqual(['b']);
    expect(processesWith('sleep 4569')).toEqual([]);
    const told = await subagents.session('code').peek();
    expect(told.filter(({ label }) => label === 'hanging').map(({ kind }) => kind)).toContain('stuck');
    expect(existsSync(join(fleet.repository.path, 'b'))).toBe(false);
  });

  it('that hang while the subagent waits for them end with its working time, and its work is kept', async () => {
    hook('sleep 4568');
    const outcome = await run('patient', { task: 'wait for the hook', timeout: '8s' });
    expect(outcome).toMatchObject({ status: 'timed-out', evidence: { filesChanged: ['c'] } });
    expect(processesWith('sleep 4568')).toEqual([]);
  });
});
