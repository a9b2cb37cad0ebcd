import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CancelledFailure } from '@temporalio/activity';
import { ActivityCancellationDetails } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnsavedToolResults } from '../../src/copilot/log/unsaved-tool-results.ts';
import { eventLogPath, readEventLog } from '../../src/copilot/log/event-log.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { hang } from '../support/model.ts';
import { bash, on, TurnBench, until } from '../support/turns.ts';

const count = 'echo run >> runs.txt; echo started; sleep 60';
/** What the log had when the model was asked. */
const shown = { id: '', log: '', kept: [] as boolean[] };
const keepsResult = (line: string): boolean =>
  line.includes('tool.execution_complete') && line.includes('all through');
const keptOf = (id: string) => new UnsavedToolResults(bench.copilotHome, id, bench.pool.redactor);
let told = 0;
let bench: TurnBench;
beforeAll(async () => {
  bench = await TurnBench.start([
    on('crash', [bash(count), { text: 'I checked and went on.' }]),
    on('shown', ({ userMessages, news, answers }) => {
      if (answers === 0)
        return bash(`${/shown: (.*)/.exec(userMessages[0] ?? '')?.[1]}; printf "%s %s" all through`);
      const inLog = readFileSync(shown.log, 'utf8').split('\n').some(keepsResult);
      const kept = [...keptOf(shown.id).read().values()].some((result) => result?.includes('all through'));
      shown.kept.push((inLog || kept) && news.includes('all through'));
      return { text: 'I had its result.' };
    }),
    on('forgotten', ({ answers, text }) => {
      if (answers === 0) return bash('echo run >> runs.txt; seq 1 200; printf "<%s %s>" the result');
      return text.includes('Do not repeat them only because of that report') && told++ > 0
        ? { text: 'I had it.' }
        : hang;
    }),
    on('background', [bash('sleep 60', { mode: 'async' }), bash('sleep 60'), { text: 'Done without it.' }]),
    on('told', [{ text: 'The end.' }]),
    on('handback', [bash(count), { text: 'Went on after the restart.' }]),
    on('kill', [bash('sleep 60'), { text: 'never' }]),
    on('timeout', [bash('sleep 60'), { text: 'never' }]),
    on('takeover', [bash('sleep 3; echo slept'), { text: 'One prompt was enough.' }]),
  ]);
});
afterAll(() => bench.close());

const lines = async (path: string): Promise<number> =>
  (await readFile(path, 'utf8')).trim().split('\n').length;

describe('a turn whose runtime dies', () => {
  it('is lost with it, and goes on with one prompt and without repeating its command', async () => {
    const at = await bench.subagent('crash');
    const first = bench.run(at);
    await until(
      'the command to start',
      () => first.beats.length > 0 && findProcesses(at.subagent.copilotSessionId).length > 0,
    );
    await bench.killRuntime();
    expect(await first.result).toMatchObject({ kind: 'lost', who: 'runtime' });

    const result = await bench.run({ ...at, lostBefore: 1 }).result;
    expect(result).toMatchObject({
      kind: 'finished',
      report: 'I checked and went on.',
      usage: { modelRequests: 2, toolCalls: 1 },
      notes: [expect.stringContaining('`bash: echo run >> runs.txt')],
    });
    expect(await lines(join(at.cwd, 'runs.txt'))).toBe(1);
    expect(bench.model.timesSaid('[subagent crash@1, turn 1]')).toBe(1);
    expect(bench.model.requests.at(-1)?.conversation?.news).toContain('interrupted before a result');
  });

  it('has a command in its log before it runs, and its result there before the model is asked', async () => {
    for (let time = 1; time <= 5; time++) {
      const at = await bench.subagent(`shown-${time}`);
      const log = eventLogPath(bench.copilotHome, at.subagent.copilotSessionId);
      Object.assign(shown, { id: at.subagent.copilotSessionId, log });
      await bench.run({ ...at, prompt: `shown: grep -c '"tool.execution_start"' '${log}' > seen.txt` })
        .result;
      expect(await readFile(join(at.cwd, 'seen.txt'), 'utf8')).toBe('1\n');
    }
    expect(shown.kept).toEqual([true, true, true, true, true]);
  });

  it('is told results that the model had, where the log calls them interrupted, once', async () => {
    const at = await bench.subagent('forgotten');
    const kept = keptOf(at.subagent.copilotSessionId);
    // It is there for some milliseconds, and seen whenever this process looks.
    let result: [string, string | null] | undefined;
    const look = (): void => {
      [result] = kept.read();
      if (result === undefined) setImmediate(look);
    };
    look();
    const first = bench.run(at);
    const had = (text: string) => bench.model.requests.some((each) => each.conversation?.text.includes(text));
    await until('the model to have the result', () => had('<the result>'));
    await bench.killRuntime();
    await first.result;
    // A kill some milliseconds earlier leaves everything so: what followed the result was not saved.
    const log = eventLogPath(bench.copilotHome, at.subagent.copilotSessionId);
    const events = (await readFile(log, 'utf8')).split('\n');
    const completed = events.findLastIndex((line) => line.includes('"tool.execution_complete"'));
    if (completed > 0) await writeFile(log, `${events.slice(0, completed).join('\n')}\n`);
    expect(result).toBeDefined();
    kept.store(...(result ?? ['', null]));

    const second = bench.run({ ...at, lostBefore: 1 });
    await until('the model to be told', () => had('    <the result>'));
    await bench.killRuntime();
    await second.result;
    const last = await bench.run({ ...at, lostBefore: 2 }).result;
    expect(last).toMatchObject({ kind: 'finished', report: 'I had it.', notes: [] });
    expect(bench.model.timesSaid('Do not repeat them only because of that report')).toBe(1);
    expect(await lines(join(at.cwd, 'runs.txt'))).toBe(1);
    expect(bench.model.requests.at(-1)?.conversation?.news).toContain('    <the result>');
  });

  it('of a worker that is gone too, while it stood still, is ended before another takes the turn up', async () => {
    const at = await bench.subagent('stands-still');
    const first = bench.run({ ...at, prompt: 'crash' });
    await until('the command to start', () => findProcesses(at.subagent.copilotSessionId).length > 0);
    process.kill((await bench.pool.runtime()).pid, 'SIGSTOP');
    const former = await bench.replaceWorker();
    expect(former.death).toBeUndefined();
    expect(await bench.run({ ...at, prompt: 'crash', lostBefore: 1 }).result).toMatchObject({
      kind: 'finished',
      report: 'I checked and went on.',
    });
    expect(former.death?.message).toContain('SIGKILL');
    expect(await first.result).toMatchObject({ kind: 'lost' });
  });

  it('tells the model which background commands are gone, and the reader of the outcome', async () => {
    const at = await bench.subagent('background');
    const first = bench.run(at);
    await until('both commands in the log', async () => {
      const log = await readEventLog(bench.copilotHome, at.subagent.copilotSessionId);
      return log.filter(({ type }) => type === 'tool.execution_start').length === 2;
    });
    await bench.killRuntime();
    await first.result;
    const result = await bench.run({ ...at, lostBefore: 1 }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Done without it.' });
    expect(bench.model.timesSaid('* bash: sleep 60')).toBe(1);
    const { notes } = result as Extract<typeof result, { kind: 'finished' }>;
    expect(notes.filter((note) => note.startsWith('`bash: sleep 60` ran in the background'))).toHaveLength(1);
  });

  it('that had ended is reported from the log, without the model', async () => {
    const at = await bench.subagent('told');
    await bench.run(at).result;
    await bench.restart();
    const before = bench.model.requests.length;
    const again = await bench.run({ ...at, lostBefore: 1 }).result;
    expect(again).toMatchObject({ kind: 'finished', report: 'The end.', usage: { modelRequests: 1 } });
    expect(bench.model.requests.length).toBe(before);
  });
});

describe('a turn whose worker shuts down', () => {
  it('is handed back and goes on after the restart', async () => {
    const at = await bench.subagent('handback');
    const first = bench.run(at);
    await until('the command to start', () => findProcesses(at.subagent.copilotSessionId).length > 0);
    first.environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
    expect(await first.result).toMatchObject({ kind: 'interrupted', usage: { modelRequests: 1 } });
    await bench.restart();
    const second = await bench.run(at).result;
    expect(second).toMatchObject({
      kind: 'finished',
      report: 'Went on after the restart.',
      notes: [expect.stringContaining('was running when its worker stopped')],
    });
    expect(bench.model.timesSaid('[subagent handback@1, turn 1]')).toBe(1);
    expect(await lines(join(at.cwd, 'runs.txt'))).toBe(1);
  });
});

describe('a signal to the worker and its runtime together', () => {
  it('hands the turn back, though the runtime ends first', async () => {
    const at = await bench.subagent('handback-2');
    const turn = bench.run({ ...at, prompt: 'handback' });
    await until('the command to start', () => findProcesses(at.subagent.copilotSessionId).length > 0);
    const runtime = await bench.pool.runtime();
    const dead = new Promise<void>((resolve) => runtime.onDeath(() => resolve()));
    process.kill(runtime.pid, 'SIGINT');
    await dead;
    turn.environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
    expect(await turn.result).toMatchObject({ kind: 'interrupted' });
    await bench.restart();
    expect(await bench.run({ ...at, prompt: 'handback' }).result).toMatchObject({ kind: 'finished' });
  });
});

describe('a turn that is ended', () => {
  it('by its workflow is aborted, and the cancellation passed on', async () => {
    const at = await bench.subagent('kill');
    const turn = bench.run(at);
    await until('the command to start', () => findProcesses(at.subagent.copilotSessionId).length > 0);
    turn.environment.cancel('CANCELLED');
    await expect(turn.result).rejects.toBeInstanceOf(CancelledFailure);
    expect(bench.pool.turns.get(at.subagent.copilotSessionId)).toBeUndefined();
    await until('its shell to end', () => findProcesses(at.subagent.copilotSessionId).length === 0);
  });

  it('by its time is aborted and says so', async () => {
    const at = await bench.subagent('timeout');
    const result = await bench.run({ ...at, budgetMs: 1_500 }).result;
    expect(result).toMatchObject({ kind: 'timed-out', usage: { modelRequests: 1 } });
  });
});

describe('two attempts at one turn', () => {
  it('never drive the session together: the newer takes the running turn over', async () => {
    const at = await bench.subagent('takeover');
    const older = bench.run(at);
    await until('the command to start', () => findProcesses(at.subagent.copilotSessionId).length > 0);
    const newer = bench.run(at);
    expect(await older.result).toMatchObject({ kind: 'lost' });
    expect(await newer.result).toMatchObject({ kind: 'finished', report: 'One prompt was enough.' });
    expect(bench.model.timesSaid('[subagent takeover@1, turn 1]')).toBe(1);
  });
});
