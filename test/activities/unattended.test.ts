/** What asks a person, in the commands of set-up and verification: nobody is there, and they end. */
import { expect, it, onTestFinished, vi } from 'vitest';
import { startSshHost } from '../support/ssh-host.ts';
import { Work } from '../support/work.ts';

const ASKING = [
  'read answer',
  'read answer </dev/tty',
  `python3 -c 'input("name? ")'`,
  'cat',
  'vim notes.txt',
  'vi notes.txt',
  'less a.txt a.txt',
  'git commit --allow-empty',
  'git -c core.editor=vim commit --allow-empty',
  'git add -p',
  '"$SSH_ASKPASS" "Are you sure you want to continue connecting (yes/no)?"',
  'ssh -F none -o UserKnownHostsFile=/dev/null -p PORT nobody@127.0.0.1',
  'rm -f key; ssh-keygen -q -t ed25519 -N secret -f key; ssh-keygen -y -f key',
  'GIT_TERMINAL_PROMPT=1 git clone -q https://127.0.0.1:1/private.git elsewhere',
  'rm -f gone; npm init',
];

it('they end by themselves, the same in set-up and in verification, without CI', async () => {
  // Never set by us; what the machine has of it would be given on.
  vi.stubEnv('CI', undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  const work = await Work.begin();
  using host = await startSshHost();
  const asking = ASKING.map((command) => command.replace('PORT', String(host.port)));
  // Long enough for a busy machine; what waits for a person waits for ever.
  const limit = { timeoutMs: 60_000 };
  const each = asking.map((command) => `( ${command} ) >/dev/null; true`);
  const { results, problem } = await work.bench.setUp(work.input, work.workspace, each, limit);
  expect(problem).toBeUndefined();
  expect(results.map(({ exitCode }) => exitCode)).toEqual(each.map(() => 0));
  await work.does('rm -rf package.json elsewhere key*');
  const { evidence } = await work.bench.collect(work.input, work.workspace);
  const at = { cwd: work.cwd, head: evidence.head };
  const commands = [
    ...asking.map((command) => `( ${command} ) >/dev/null 2>&1 | cat; rm -rf package.json elsewhere key*`),
    'test -z "$CI"',
  ];
  const { verifications } = await work.bench.verify(work.input, at, commands, limit);
  expect(verifications.map(({ exitCode }) => exitCode)).toEqual(commands.map(() => 0));
});

it('npm takes all that it is set for: it does not warn in each of its calls', async () => {
  const work = await Work.begin();
  const { results, problem } = await work.bench.setUp(work.input, work.workspace, [
    'npm prefix >/dev/null 2>npm.log; test ! -s npm.log || { cat npm.log; false; }',
  ]);
  expect([problem, ...results.map(({ exitCode, outputTail }) => [exitCode, outputTail])]).toEqual([
    undefined,
    [0, ''],
  ]);
});
