/** What workers run of workflows: traces of errors that stand in a history say nothing of the machine that built it. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { outcome } from '../../src/contract/index.ts';
import { asFailure } from '../../workflows/subagent/outcome.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundle = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));

it('the bundle names its sources without the path of the machine that built it', async () => {
  const code = await readFile(bundle, 'utf8');
  const [, map = ''] = /sourceMappingURL=data:application\/json;[^,]*base64,(\S+)/.exec(code) ?? [];
  const { sources } = JSON.parse(Buffer.from(map, 'base64').toString()) as { sources: string[] };
  expect(sources.filter((source) => source.includes(root))).toEqual([]);
  expect(sources).toContainEqual(expect.stringMatching(/^(dist\/)?workflows\/chain\/chain\.(js|ts)$/));
});

it('an end that is told as a failure has no trace: it is where an outcome begins', () => {
  const failed = outcome.parse({
    status: 'failed',
    label: 'a',
    session: 's',
    run: 1,
    summary: 'b failed',
    report: '',
    verifications: [],
    repairs: 0,
    turns: 0,
    denials: [],
    loaded: [],
    notes: [],
    caveats: [],
    usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0, modelRequests: 0, toolCalls: 0 },
    durations: { queuedMs: 0, workingMs: 0, verifyingMs: 0, totalMs: 0 },
  });
  expect(asFailure(failed)).toMatchObject({ stack: '', message: 'failed: b failed', details: [failed] });
});
