/** Work in every shape: what a merge refuses without force, and what it takes; the same after a continuation that changes nothing. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureJson } from '../../src/cli/json.ts';
import { SubagentsError, type Subagents } from '../../src/client/index.ts';
import type { Outcome } from '../../src/contract/index.ts';
import { run, type Ran } from '../cli/command.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import type { Repository } from '../support/repository.ts';
import { shapeRepository, SHAPES, SHAPING, type Shape } from '../support/shapes.ts';

let fleet: Fleet;
let subagents: Subagents;

/** What became of one: its repository, its outcome, and why it could not be continued. */
interface Left {
  readonly repo: Repository;
  readonly outcome: Outcome;
  readonly refusal?: unknown;
}
const once = new Map<string, Left>();
const continued = new Map<string, Left>();

beforeAll(async () => {
  fleet = await startFleet([SHAPING], { env: { SUBAGENTS_SLOTS: '8' } });
  subagents = await fleet.connect();
  const names = Object.keys(SHAPES);
  const left = await Promise.all([...names, ...names.map((name) => `${name}-on`)].map(leave));
  names.forEach((name, at) => once.set(name, left[at] as Left));
  // One after the other: a worker answers so many as these at once too late, where the machine is busy.
  for (const [at, name] of names.entries()) {
    const { repo, outcome } = left[names.length + at] as Left;
    const label = `${name}-on`;
    await SHAPES[name]?.then?.({ repo, branch: `subagents/${label}`, outcome });
    const refusal = await refusalOf(() => session().subagent(label).continue('Go on.'));
    continued.set(name, { repo, outcome, refusal });
  }
  for (const [name, { repo, refusal }] of continued)
    continued.set(name, { repo, refusal, outcome: await session().subagent(`${name}-on`).result() });
}, 480_000);
afterAll(async () => {
  await subagents?.close();
  for (const { repo } of [...once.values(), ...continued.values()]) await repo[Symbol.asyncDispose]();
  await fleet?.[Symbol.asyncDispose]();
});

/** Why something is refused, if it is; a worker that is too busy to answer is asked again. */
async function refusalOf(ask: () => Promise<unknown>): Promise<unknown> {
  for (;;) {
    const error: unknown = await ask().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof SubagentsError) || error.code !== 'TIMEOUT') return error;
  }
}

/** Has a subagent leave its work in the shape that its label names, in a repository of its own. */
async function leave(label: string): Promise<Left> {
  const repo = await shapeRepository();
  const task = `SHAPE ${label.replace(/-on$/, '')}`;
  const spawned = await session().spawn({ label, task }, { cwd: repo.path });
  return { repo, outcome: await spawned.result() };
}

const session = () => subagents.session('shapes');
const command = (repo: Repository, ...args: string[]): Promise<Ran> =>
  run(['--address', fleet.server.address, '--session', 'shapes', ...args], {
    home: fleet.home,
    cwd: repo.path,
  });

/** Everything of a checkout that a merge might change. */
async function stateOf(repo: Repository): Promise<object> {
  const hash = (path: string) =>
    createHash('sha256')
      .update(readFileSync(join(repo.path, path)))
      .digest('hex');
  const files = (await repo.git('ls-files', '--cached', '--others')).split('\n');
  return {
    head: readFileSync(join(repo.path, '.git/HEAD'), 'utf8'),
    refs: await repo.git('for-each-ref', '--format=%(refname) %(objectname) %(symref)'),
    index: hash('.git/index'),
    files: Object.fromEntries(files.map((path) => [path, hash(path)])),
    git: ['MERGE_HEAD', 'MERGE_MSG', 'SQUASH_MSG', 'ORIG_HEAD'].filter((name) => {
      try {
        return hash(`.git/${name}`);
      } catch {
        return false;
      }
    }),
  };
}

/** Merges, where that is refused by force; and nothing has changed by then. */
async function mergeIt(
  repo: Repository,
  label: string,
  { refused, how = 'fast-forward', file = 'work.txt' }: Shape,
) {
  if (refused !== undefined) {
    const before = await stateOf(repo);
    const { exitCode, stdout, stderr } = await command(repo, 'merge', label, '--json');
    const { error } = failureJson.parse(JSON.parse(stderr));
    expect(error.message).toMatch(refused);
    if (error.code === 'CAVEATS') expect(error.message).toMatch(/^[\w-]+@\d is done, but: /);
    expect(error.remedy).toContain('--force');
    expect({ exitCode, stdout }).toEqual({ exitCode: error.code === 'CAVEATS' ? 9 : 2, stdout: '' });
    expect(await stateOf(repo)).toEqual(before);
  }
  const merged = await session()
    .subagent(label)
    .merge({ cwd: repo.path, force: refused !== undefined });
  expect(merged).toMatchObject({ how, into: 'main' });
  expect(await repo.git('ls-tree', '-r', '--name-only', 'main')).toContain(file);
}

const kindsOf = ({ caveats }: Outcome) => [...new Set(caveats.map(({ kind }) => kind))];

describe.each(Object.entries(SHAPES))('%s', (name, shape) => {
  it('is done, with its caveats, and merged where nothing is against it, or by force', async () => {
    const left = once.get(name);
    if (left === undefined) throw new Error('it was not spawned');
    const { repo, outcome } = left;
    expect(kindsOf(outcome), outcome.summary).toEqual(shape.caveats ?? []);
    expect(outcome.status).toBe('done');
    await shape.then?.({ repo, branch: `subagents/${name}`, outcome });
    await mergeIt(repo, name, shape);
  });

  it('is the same, with the same caveats, after a continuation that changes nothing', async () => {
    const left = continued.get(name);
    if (left === undefined) throw new Error('it was not spawned');
    const { repo, outcome, refusal } = left;
    const { impossible, ...changed } = shape.continued ?? {};
    expect(refusal).toEqual(impossible && expect.objectContaining({ code: impossible }));
    if (impossible !== undefined) return;
    const after: Shape = { ...shape, ...changed };
    expect(outcome).toMatchObject({ status: 'done', run: 2 });
    expect(kindsOf(outcome), outcome.summary).toEqual(after.caveats ?? []);
    await mergeIt(repo, `${name}-on`, after);
  });
});
