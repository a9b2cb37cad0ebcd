import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { signalProcess } from '../../src/system/process.ts';
import { processTree } from '../../src/worker/up/processes.ts';
import { temporaryFolder } from '../support/home.ts';
import { bash, on, TurnBench, until } from '../support/turns.ts';

let bench: TurnBench | undefined;
afterEach(() => bench?.close());

describe('the Copilot runtime', () => {
  it('that is not there fails the turn, and says what to do', async () => {
    bench = await TurnBench.start([on('work', [{ text: 'never' }])], {
      env: { SUBAGENTS_COPILOT_PATH: '/nowhere/copilot' },
    });
    await bench.pool.warm();
    expect(await bench.run(await bench.subagent('work')).result).toMatchObject({
      kind: 'failed',
      class: 'copilot',
      retryable: false,
      message: expect.stringContaining('/nowhere/copilot') as string,
      remedy: expect.stringContaining('SUBAGENTS_COPILOT_PATH') as string,
    });
  });

  it('that does not start fails the turn', async () => {
    bench = await TurnBench.start([on('work', [{ text: 'never' }])], {
      env: { SUBAGENTS_COPILOT_PATH: '/bin/false' },
    });
    expect(await bench.run(await bench.subagent('work')).result).toMatchObject({
      kind: 'failed',
      class: 'copilot',
      message: expect.stringContaining('did not start') as string,
    });
  });

  it('that is ended at each start is one that does not start', async () => {
    await using folder = await temporaryFolder();
    const ends = join(folder.path, 'ends');
    // Some time after it was spoken to.
    await writeFile(ends, '#!/bin/sh\ntimeout 0.3 cat >/dev/null\nexit 0\n', { mode: 0o755 });
    bench = await TurnBench.start([on('work', [{ text: 'never' }])], {
      env: { SUBAGENTS_COPILOT_PATH: ends },
    });
    const at = await bench.subagent('work');
    for (let start = 1; start < 5; start++)
      expect(await bench.run(at).result).toMatchObject({ kind: 'lost', who: 'runtime' });
    expect(await bench.run(at).result).toMatchObject({
      kind: 'failed',
      class: 'copilot',
      retryable: false,
      message: expect.stringContaining(`${ends} did not start`) as string,
      remedy: expect.stringContaining('--version') as string,
    });
  });

  it('that is ended while it starts loses the turn, which is taken up by the next one', async () => {
    bench = await TurnBench.start([on('work', [{ text: 'Done.' }])]);
    const at = await bench.subagent('work');
    const before = new Set(processTree(process.pid).map(({ pid }) => pid));
    const turn = bench.run(at);
    const itsRuntime = () => processTree(process.pid).find(({ pid }) => !before.has(pid));
    await until('the runtime', () => itsRuntime() !== undefined);
    const starting = itsRuntime();
    expect(starting && signalProcess(starting, 'SIGTERM')).toBe(true);
    expect(await turn.result).toMatchObject({
      kind: 'lost',
      who: 'runtime',
      reason: expect.stringContaining('while it was starting') as string,
    });
    expect(await bench.run(at).result).toMatchObject({ kind: 'finished', report: 'Done.' });
  });

  it('is one for all turns, and another after its death', async () => {
    bench = await TurnBench.start([on('work', [{ text: 'Done.' }])]);
    const first = await bench.pool.runtime();
    expect(await bench.pool.runtime()).toBe(first);
    await bench.killRuntime();
    const second = await bench.pool.runtime();
    expect(second.pid).not.toBe(first.pid);
    expect(await bench.run({ ...(await bench.subagent('work')) }).result).toMatchObject({ kind: 'finished' });
  });

  it('gives shells neither the worker’s keys nor what another Copilot CLI left', async () => {
    bench = await TurnBench.start([on('env', [bash('env > env.txt'), { text: 'Done.' }])], {
      env: {
        COPILOT_PROVIDER_API_KEY: 'model-secret',
        TEMPORAL_API_KEY: 'temporal-secret',
        COPILOT_AGENT_SESSION_ID: 'somebody-else',
        PASSED_ON: 'as ever',
      },
    });
    const at = await bench.subagent('env');
    await bench.run(at).result;
    const env = await readFile(join(at.cwd, 'env.txt'), 'utf8');
    expect(env).not.toMatch(/secret|somebody-else/);
    expect(env).toContain('PASSED_ON=as ever');
    expect(bench.model.requests[0]?.headers['authorization']).toBe('Bearer model-secret');
  });
});
