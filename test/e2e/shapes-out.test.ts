/** Work in every shape on its way out: pushed, and in a race. What holds a merge back holds these back, too. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raceChain, type Outcome, type SessionHandle, type Subagents } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import type { Repository } from '../support/repository.ts';
import { shapeRepository, SHAPES, SHAPING, type Shape } from '../support/shapes.ts';
import { bash, on } from '../support/turns.ts';

/** Those that the subagent itself leaves; nothing of the others has happened yet when a push or a race asks. */
const LEFT = Object.entries(SHAPES).filter(([, shape]) => shape.then === undefined);
const HELD = LEFT.filter(([, { refused }]) => refused !== undefined);
const FREE = LEFT.filter(([, { refused }]) => refused === undefined);

let fleet: Fleet;
let subagents: Subagents;
let repo: Repository;
beforeAll(async () => {
  repo = await shapeRepository();
  const go = join(repo.path, '..', 'go');
  const late = `until [ -e ${go} ]; do sleep 0.1; done; ${SHAPES['whole']?.does}`;
  fleet = await startFleet([on('BE LATE', [bash(late), { text: 'Done.' }]), SHAPING], {
    env: { SUBAGENTS_SLOTS: '8' },
  });
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await repo?.[Symbol.asyncDispose]();
  await fleet?.[Symbol.asyncDispose]();
});

describe('pushed', () => {
  const outcomes = new Map<string, Outcome>();
  let remote: string;
  beforeAll(async () => {
    remote = join(repo.path, '..', 'remote.git');
    await repo.git('clone', '--quiet', '--bare', repo.path, remote);
    const session = subagents.session('pushed');
    const specs = LEFT.flatMap(([name, { refused }]) => {
      const spec = { label: name, task: `SHAPE ${name}`, repo: `file://${remote}`, push: true };
      return refused === undefined ? [spec] : [spec, { ...spec, label: `${name}-forced`, force: true }];
    });
    await session.spawn(specs);
    for (const { label } of specs) outcomes.set(label, await session.subagent(label).result());
  }, 480_000);

  /** What the remote has of the branch. */
  const branch = async (label: string): Promise<string> =>
    await repo.in(remote)('for-each-ref', '--format=%(objectname)', `refs/heads/subagents/${label}`);
  const outcomeOf = (label: string): Outcome => {
    const outcome = outcomes.get(label);
    if (outcome === undefined) throw new Error('it was not spawned');
    return outcome;
  };
  const isThere = async (label: string, { file = 'work.txt' }: Shape): Promise<void> => {
    const { status, push, evidence } = outcomeOf(label);
    expect(status).toBe('done');
    expect(push).toMatchObject({ ref: `refs/heads/subagents/${label}`, commit: evidence?.head });
    expect(push?.problem).toBeUndefined();
    expect(await branch(label)).toBe(evidence?.head);
    expect(await repo.in(remote)('ls-tree', '-r', '--name-only', `subagents/${label}`)).toContain(file);
  };

  it.each(FREE)('%s is there', async (name, shape) => isThere(name, shape));
  it.each(HELD)('%s is held back, and by force is there', async (name, shape) => {
    const { status, push } = outcomeOf(name);
    expect(status).toBe('done');
    expect(push?.problem).toContain('not pushed without force: ');
    expect(push?.problem).toMatch(shape.refused ?? 'nothing');
    expect(await branch(name)).toBe('');
    await isThere(`${name}-forced`, shape);
  });
});

describe('in a race', () => {
  const racing = async (session: SessionHandle, label: string, tasks: readonly string[]) => {
    const racers = tasks.map((instructions) => ({ instructions }));
    await session.chain(raceChain({ label, task: 'Win.', racers }, { repo: repo.path }));
  };

  it('all that hold a merge back lose against one that is whole, though it comes last', async () => {
    const session = subagents.session('held');
    const names = HELD.map(([name]) => name);
    await racing(session, 'race', ['BE LATE', ...names.map((name) => `SHAPE ${name}`)]);
    const ended = async () =>
      (await session.list()).finished.map(({ label, status }) => `${label} ${status}`);
    const held = names.map((_, at) => `race.racer-${at + 2} done`);
    await eventually(async () => (await ended()).length === held.length);
    expect((await ended()).sort()).toEqual(held);
    await writeFile(join(repo.path, '..', 'go'), '');
    const outcome = await session.subagent('race').result();
    expect(outcome).toMatchObject({ status: 'done', caveats: [] });
    expect(outcome.summary).toContain('racer-1 was the first to be done without a blocking caveat');
  });

  it.concurrent.each(FREE)('%s wins, once it is done', async (name, { caveats = [] }) => {
    const session = subagents.session('free');
    await racing(session, name, ['SHAPE merging', `SHAPE ${name}`]);
    const outcome = await session.subagent(name).result();
    expect(outcome).toMatchObject({ status: 'done', summary: expect.stringMatching(/^racer-2 /) as string });
    expect(outcome.caveats.map(({ kind }) => kind)).toEqual(caveats);
  });
});
