/** A Copilot session that cannot be resumed is not the end: a new one goes on in the same workspace, and is told what is known. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { copilotRuntime } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

const work = 'echo mine > own.txt; git add own.txt; git commit -qm "Add my own file"; echo half > half.txt';
beforeAll(async () => {
  fleet = await startFleet([
    on('previous conversation could not be restored', [{ text: 'Went on.' }]),
    on('sit', [bash(work), bash('sleep 7321')]),
    on('ask', [
      { tools: [{ name: 'ask_parent', arguments: { question: 'Which?' } }] },
      { text: 'In one conversation.' },
    ]),
  ]);
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const session = () => subagents.session('gone');
const stateOf = async (label: string): Promise<string> => {
  const { copilotSessionId } = await session().subagent(label).describe();
  return join(fleet.home, 'copilot', 'session-state', copilotSessionId ?? '?');
};
/** What opened the conversations in which `text` was said first. */
const openings = (text: string): string[] => [
  ...new Set(
    fleet.model.requests.flatMap(({ conversation }) => {
      const first = conversation?.userMessages[0];
      return first?.includes(text) ? [first] : [];
    }),
  ),
];

describe('a Copilot session whose state is broken or gone', () => {
  it('is followed by a new one with a hand-over, and the outcome says so', async () => {
    await session().spawn(
      [
        { label: 'broken', task: 'sit, the one that breaks' },
        { label: 'vanished', task: 'sit, the one that vanishes' },
        { label: 'asker', task: 'ask, then go on' },
      ],
      { cwd: fleet.repository.path },
    );
    for (const label of ['broken', 'vanished'])
      await eventually(async () => (await session().subagent(label).describe()).doing.includes('7321'));
    await eventually(async () => (await session().subagent('asker').describe()).questions.length > 0);
    expect((await session().subagent('broken').steer('Use tabs.')).delivery).not.toBe('held');

    const runtime = copilotRuntime(fleet);
    const [broken, vanished, asker] = await Promise.all(['broken', 'vanished', 'asker'].map(stateOf));
    await fleet.worker.kill();
    // It still writes the end of each log.
    await eventually(() => !existsSync(`/proc/${runtime}`));
    const log = join(broken ?? '', 'events.jsonl');
    writeFileSync(log, `no JSON${readFileSync(log, 'utf8')}`);
    for (const folder of [vanished, asker]) rmSync(folder ?? '', { recursive: true });
    await fleet.startWorker();
    await session().subagent('asker').answer('This one.');

    for (const label of ['broken', 'vanished', 'asker']) {
      const outcome = await session().subagent(label).result();
      expect(outcome, label).toMatchObject({ status: 'done', report: 'Went on.' });
      expect(outcome.notes.filter((note) => note.includes('could not be resumed'))).toEqual([
        expect.stringContaining('a new session began in the same workspace, with a hand-over'),
      ]);
    }
    const outcome = await session().subagent('broken').result();
    expect(outcome.notes.join('\n')).toContain('Session file is corrupted');
    expect(outcome.evidence?.commits.map(({ subject }) => subject)).toContain('Add my own file');
    expect(outcome.evidence?.diffStat.files).toBe(2);

    const [told, ...more] = openings('the one that breaks').filter((text) =>
      text.includes('previous conversation could not be restored'),
    );
    expect(more).toEqual([]);
    for (const part of [
      'sit, the one',
      '* Use tabs.',
      'Add my own file',
      '* half.txt',
      '* tool: bash: sleep 7321',
    ])
      expect(told).toContain(part);
    const [toldOther] = openings('the one that vanishes').filter((text) =>
      text.includes('previous conversation could not be restored'),
    );
    expect(toldOther).toContain('Add my own file');
    const [toldAsker] = openings('ask, then go on').filter((text) =>
      text.includes('previous conversation could not be restored'),
    );
    expect(toldAsker).toContain('The main agent answers your question: This one.');

    // What was put aside goes with the rest.
    const aside = join(fleet.home, 'copilot', 'set-aside');
    expect(readdirSync(aside)).toHaveLength(1);
    await session().clean({ force: true });
    expect(readdirSync(aside)).toEqual([]);
    expect(readdirSync(join(fleet.home, 'copilot', 'begun'))).toEqual([]);
  });
});
