/** A subagent that leaves programs in the configuration of the repository: they run for nothing that we do about it. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Outcome, Subagents } from '../../src/client/index.ts';
import { run } from '../cli/command.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryFolder } from '../support/home.ts';
import { bash, on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
/** Where a program that ran leaves a file of its name. */
let ran: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  ran = join(folder.path, 'ran');
  await mkdir(ran);
  const evil = (name: string) => `"touch '${ran}/${name}'; cat"`;
  const plant = [
    `echo '* filter=evil merge=evil' > .gitattributes`,
    `echo 1 > new.txt && git add . && git commit -qm "Add new.txt"`,
    `git config filter.evil.clean ${evil('clean')}`,
    `git config merge.evil.driver ${evil('driver')}`,
    // What a worktree has for itself does not even show in the configuration of the checkout.
    `git config extensions.worktreeConfig true`,
    `git config --worktree filter.evil.smudge ${evil('smudge')}`,
    `echo 2 > new.txt; echo 3 > newer.txt`,
  ];
  fleet = await startFleet([
    on('plant', [
      bash(plant.join(' && ')),
      { text: 'Planted.' },
      bash('echo 4 > newest.txt'),
      { text: 'Went on.' },
    ]),
  ]);
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const mallory = () => subagents.session('default').subagent('mallory');
const PLANTED =
  'configuration of the repository: extensions.worktreeconfig, filter.evil.clean, merge.evil.driver';

it('what it configured is told, by the outcome, the command and the panel', async () => {
  const session = subagents.session('default');
  await session.spawn({ label: 'mallory', task: 'plant', verify: ['true'] }, { cwd: fleet.repository.path });
  const outcome: Outcome = await mallory().result();
  expect(outcome.status).toBe('done');
  expect(outcome.evidence?.touchedOutside).toContain(PLANTED);
  expect(outcome.evidence?.filesChanged).toEqual(['.gitattributes', 'new.txt', 'newer.txt']);
  const at = { home: fleet.home, cwd: fleet.repository.path };
  const waited = await run(['--address', fleet.server.address, 'wait', 'mallory'], at);
  expect(waited.stdout).toContain(`touched outside its worktree: ${PLANTED}`);
  expect(await readdir(ran)).toEqual([]);
});

it('neither a diff nor a merge runs it; the merge says why it does not', async () => {
  expect((await mallory().diff()).text).toContain('+++ b/newer.txt');
  await expect(mallory().merge()).rejects.toMatchObject({
    code: 'CHECKOUT_DIRTY',
    message: expect.stringContaining('filter.evil.clean, merge.evil.driver') as string,
  });
  expect(await readdir(ran)).toEqual([]);
});

it('nor does it run when the subagent is continued', async () => {
  await mallory().continue('go on');
  const outcome = await mallory().result();
  expect(outcome.status).toBe('done');
  expect(outcome.evidence?.filesChanged).toContain('newest.txt');
  expect(await readdir(ran)).toEqual([]);
});

it('once it is taken away, the merge goes through; and it is cleaned', async () => {
  await fleet.repository.git('config', '--remove-section', 'filter.evil');
  await fleet.repository.git('config', '--remove-section', 'merge.evil');
  await rm(ran, { recursive: true });
  await mkdir(ran);
  const { how } = await mallory().merge();
  expect(how).toBe('fast-forward');
  const { runs } = await subagents.session('default').clean();
  expect(runs.flatMap(({ kept }) => kept)).toEqual([]);
  expect(await readdir(ran)).toEqual([]);
});
