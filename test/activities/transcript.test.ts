import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTranscriptActivities } from '../../activities/turn/transcript.ts';
import type { TranscriptEntry, TranscriptPage } from '../../src/contract/index.ts';
import { transcriptPage } from '../../src/contract/index.ts';
import { eventLogPath } from '../../src/copilot/log/event-log.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { bash, on, TurnBench, until } from '../support/turns.ts';

let bench: TurnBench;
beforeAll(async () => {
  bench = await TurnBench.start([
    on('story', [
      { text: 'I will look.', ...bash('sleep 0.3; echo found; exit 3') },
      bash('sleep 2; echo \u001b[31mred\u001b[0m'),
      { text: 'That is all.' },
    ]),
    on('follow', [bash('sleep 1'), { text: 'Slept.' }]),
    on('long', [bash('seq 1 1500'), { text: 'x'.repeat(40_000) }]),
  ]);
});
afterAll(() => bench.close());

const read = async (copilotSessionId: string, cursor = 0, waitMs = 0): Promise<TranscriptPage> => {
  const { readTranscript } = createTranscriptActivities({
    copilotHome: bench.copilotHome,
    redactor: bench.pool.redactor,
  });
  const input = { copilotSessionId, cursor, waitMs };
  const page = await new MockActivityEnvironment().run(readTranscript, input);
  return transcriptPage.parse(page);
};

async function all(copilotSessionId: string): Promise<TranscriptEntry[]> {
  const entries: TranscriptEntry[] = [];
  for (let cursor = 0; ;) {
    const page = await read(copilotSessionId, cursor);
    entries.push(...page.entries);
    if (page.atEnd) return entries;
    cursor = page.cursor;
  }
}

describe('a transcript', () => {
  it('tells what was said and done, also while no runtime runs', async () => {
    const at = await bench.subagent('story');
    const turn = bench.run({ ...at, prompt: 'a story' });
    await until('the second command', () =>
      findProcesses(at.subagent.copilotSessionId).some(({ command }) => command === 'sleep 2'),
    );
    await bench.steer(at.subagent, 's1', 'hurry up');
    await turn.result;
    await bench.restart();

    const entries = await all(at.subagent.copilotSessionId);
    expect(entries.map(({ kind, text }) => `${kind}: ${text}`.split('\n')[0])).toEqual([
      'task: a story',
      'message: I will look.',
      'tool: bash: sleep 0.3; echo found; exit 3',
      'tool-result: found',
      expect.stringMatching(/^tool: bash: sleep 2; echo/),
      expect.stringMatching(/^tool-result: <command with shellId/),
      'steer: hurry up',
      'message: That is all.',
      expect.stringMatching(/^warning: Shell command/),
      'tool: read_bash: 1',
      expect.stringContaining('tool-result: '),
      'message: That is all.',
      'turn-end: end of the turn',
    ]);
    expect(entries[3]).toMatchObject({ ok: false, exitCode: 3 });
    expect(entries[3]?.durationMs).toBeGreaterThanOrEqual(300);
    expect(JSON.stringify(entries)).not.toContain('\\u001b');
  });

  it('can be followed: a reader at its end gets what comes next', async () => {
    const at = await bench.subagent('follow');
    const turn = bench.run(at);
    const seen: TranscriptEntry[] = [];
    let cursor = 0;
    while (seen.at(-1)?.kind !== 'turn-end') {
      const page = await read(at.subagent.copilotSessionId, cursor, 30_000);
      expect(page.entries.length).toBeGreaterThan(0);
      seen.push(...page.entries);
      cursor = page.cursor;
    }
    await turn.result;
    expect(seen).toEqual(await all(at.subagent.copilotSessionId));
    // The beginning of the call was on an earlier page.
    expect(seen.find(({ kind }) => kind === 'tool-result')?.durationMs).toBeGreaterThanOrEqual(1_000);
  });

  it('carries excerpts, and bounded pages', async () => {
    const at = await bench.subagent('long');
    await bench.run({ ...at, prompt: `long ${'word '.repeat(5_000)}` }).result;
    const entries = await all(at.subagent.copilotSessionId);
    for (const { kind, text } of entries)
      if (kind !== 'message') expect(text.length).toBeLessThanOrEqual(2_000);
    // Its report is there as a whole.
    expect(entries.findLast(({ kind }) => kind === 'message')?.text).toBe('x'.repeat(40_000));
    expect(entries.find(({ kind }) => kind === 'tool-result')?.text).toMatch(
      /^1\n2\n[^]* characters …\n[^]*/,
    );
  });

  it('comes in pages of at most 100 entries, none twice and none left out', async () => {
    const path = eventLogPath(bench.copilotHome, 'made-up');
    await mkdir(dirname(path), { recursive: true });
    const line = (n: number) =>
      `${JSON.stringify({ type: 'assistant.message', timestamp: '2026-01-01T00:00:00.000Z', data: { content: `message ${n}`, toolRequests: [] } })}\n`;
    await writeFile(path, Array.from({ length: 250 }, (_, n) => line(n)).join(''));
    const first = await read('made-up');
    expect(first).toMatchObject({ atEnd: false });
    expect(first.entries.length).toBe(100);
    expect((await all('made-up')).map(({ text }) => text)).toEqual(
      Array.from({ length: 250 }, (_, n) => `message ${n}`),
    );

    // Half a line is left for later; a broken one is passed over.
    const size = (await readFile(path)).length;
    await appendFile(path, '{"broken\n{"type":"assist');
    expect(await read('made-up', size)).toEqual({ entries: [], cursor: size + 9, atEnd: true });
  });

  it('of a session that is not there is empty', async () => {
    expect(await read('nobody')).toEqual({ entries: [], cursor: 0, atEnd: true });
  });
});
