import { expect, it } from 'vitest';
import { UnsavedToolResults } from '../../src/copilot/log/unsaved-tool-results.ts';
import { LiveCalls } from '../../src/copilot/turn/live-calls.ts';
import type { OpenTool } from '../../src/copilot/turn/turn-state.ts';
import { Redactor } from '../../src/environment/redact.ts';
import { temporaryFolder } from '../support/home.ts';

const LONG = 'x'.repeat(40_000);

async function setUp({ trustRepo = false } = {}) {
  const folder = await temporaryFolder();
  const redactor = new Redactor(new Map([['TOKEN', 'a-secret-of-ours']]));
  const kept = new UnsavedToolResults(folder.path, 'session', redactor);
  const calls = new LiveCalls({ copilotSessionId: 'session', unsavedResults: kept, redactor, trustRepo });
  const open = new Map<string, OpenTool>();
  return {
    kept,
    calls,
    begin: (id: string, command: string) =>
      open.set(id, {
        name: 'bash',
        what: `bash: ${command}`,
        arguments: { command },
        shellId: undefined,
        since: '',
      }),
    end: (command: string, result: string, sessionId = 'session') =>
      calls.recordEnd({ sessionId, toolName: 'bash', toolArgs: { command } }, result, open),
    complete: (id: string) => {
      calls.recordResult(id, open.get(id));
      open.delete(id);
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

it('keeps a result whole, but for secrets and what is beyond all measure, until a save has it in the log', async () => {
  await using at = await setUp();
  at.begin('functions.bash:0', 'a');
  at.begin('../b', 'b');
  at.end('a', 'said a-secret-of-ours');
  at.end('b', LONG);
  expect(at.kept.read().get('functions.bash:0')).toBe('said [redacted TOKEN]');
  expect(at.kept.read().get('../b')?.length).toBeLessThan(31_000);
  at.complete('../b');
  expect(at.kept.read().size).toBe(2);
  at.calls.markSaved(at.calls.callsToSave());
  expect([...at.kept.read().keys()]).toEqual(['functions.bash:0']);
  at.kept.clear();
  expect(at.kept.read().size).toBe(0);
});

it('does not take a call that runs for its twin that has ended', async () => {
  await using at = await setUp();
  at.begin('first', 'same');
  at.begin('second', 'same');
  at.end('same', 'of the second');
  expect(at.kept.read().size).toBe(1);
  at.complete('second');
  at.calls.markSaved(at.calls.callsToSave());
  expect(at.kept.read().size).toBe(0);
  at.end('same', 'of the first');
  expect([...at.kept.read()]).toEqual([['first', 'of the first']]);
});

it('leaves calls of Copilot’s own sub-agents out, and in a trusted repository what its hooks may change', async () => {
  await using at = await setUp({ trustRepo: true });
  at.begin('a', 'a');
  at.end('a', 'a', 'sub-agent');
  expect(at.kept.read().size).toBe(0);
  at.end('a', 'a');
  expect([...at.kept.read()]).toEqual([['a', null]]);
});
