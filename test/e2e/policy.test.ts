/** What policies of the worker, of the repository and of the spawn deny does not run, whoever dies meanwhile, and is counted. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;
beforeAll(async () => {
  fleet = await startFleet(
    [
      on('push it', [
        bash('git push origin HEAD; touch "$HOME/pushed"'),
        bash('until [ -e "$HOME/go-on" ]; do sleep 0.1; done'),
        bash('nice sh -c "git push"; touch "$HOME/pushed"'),
        bash('npm publish; touch "$HOME/published"'),
        bash('make deploy; touch "$HOME/deployed"'),
        bash('echo done > done.txt'),
        { text: 'Not pushed: it is denied.' },
      ]),
    ],
    {
      env: { SUBAGENTS_POLICY: 'careful' },
      files: { '.subagents.json': '{ "policy": { "deny": ["command npm publish"] } }' },
    },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

it('a denied command does not run, before and after SIGKILL of the worker', async () => {
  const session = subagents.session('policies');
  await session.spawn(
    { label: 'pusher', task: 'push it', policy: { deny: ['command git push'] } },
    { cwd: fleet.repository.path },
  );
  await eventually(async () => (await inItsShell(subagents, 'policies', 'pusher')).includes('go-on'));
  await fleet.worker.kill();
  await fleet.startWorker();
  const folder = join(fleet.home, '..');
  writeFileSync(join(folder, 'go-on'), '');

  const pusher = session.subagent('pusher');
  await eventually(async () => (await pusher.describe()).approvals.length === 1);
  const { what } = await pusher.reject({ why: 'No deployment today.' });
  expect(what).toBe('make deploy; touch "$HOME/deployed"');
  const outcome = await pusher.result();
  expect(outcome).toMatchObject({ status: 'done', report: 'Not pushed: it is denied.' });
  expect(outcome.denials).toEqual([
    { tool: 'bash', what: 'git push origin HEAD; touch "$HOME/pushed"', count: 1 },
    { tool: 'bash', what: 'nice sh -c "git push"; touch "$HOME/pushed"', count: 1 },
    { tool: 'bash', what: 'npm publish; touch "$HOME/published"', count: 1 },
  ]);
  expect(outcome.notes).toContain('3 tool calls were denied by a policy');
  for (const made of ['pushed', 'published', 'deployed']) expect(existsSync(join(folder, made))).toBe(false);
  expect(await fleet.repository.git('show', 'subagents/pusher:done.txt')).toBe('done');

  const said = fleet.model.requests.map(({ conversation }) => conversation?.text ?? '').join('\n');
  for (const words of [
    'Denied: git push origin HEAD (the rule "command git push" of the policy of this task).',
    'Denied: git push (the rule "command git push" of the policy of this task).',
    'Denied: npm publish (the rule "command npm publish" of the policy of the repository).',
    'This call needed an approval, and was rejected: No deployment today.',
  ])
    expect(said).toContain(words);
});
