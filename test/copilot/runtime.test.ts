import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { findCopilot } from '../../src/copilot/runtime/executable.ts';
import { RuntimeDied, startRuntime } from '../../src/copilot/runtime/runtime.ts';
import { openSession } from '../../src/copilot/session/session.ts';
import { shellScript } from '../../src/copilot/runtime/shell-script.ts';
import { startScriptedModel } from '../support/model.ts';
import { bash } from '../support/turns.ts';

it('the token by which Copilot logs in is not in the environment of its shells, not even at their start', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'subagents-runtime-'));
  const copilotHome = join(folder, 'copilot');
  await mkdir(copilotHome);
  const dump = join(folder, 'dump');
  const model = await startScriptedModel([
    { when: () => true, steps: [bash(`env >${dump}; cat /proc/$$/environ >>${dump}`), { text: 'Done.' }] },
  ]);
  const { PATH, HOME } = process.env;
  const env = {
    PATH,
    HOME: folder,
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(HOME ?? '', '.cache'),
  };
  const runtime = await startRuntime({
    path: await findCopilot(undefined),
    copilotHome,
    env: { ...env, GITHUB_TOKEN: 'canary-login', GH_TOKEN: '', SOME_API_KEY: 'canary-key' },
  });
  try {
    const session = await openSession(runtime, {
      copilotSessionId: 'login',
      cwd: folder,
      env: { ...env, ...model.env },
      copilotHome,
      initScript: shellScript('login', {}, { root: folder }),
      permissions: 'all',
      trustRepo: false,
      keepQuestions: false,
      mustExist: false,
      onEvent: () => undefined,
    });
    await session.sendAndWait({ prompt: 'go' }, 60_000);
    const seen = await readFile(dump, 'utf8');
    expect(seen).toContain(`HOME=${folder}`);
    expect(seen).not.toContain('canary');
  } finally {
    await runtime.stop();
    await model.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

it('says that it died to whatever is asked of it while it ends', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'subagents-runtime-'));
  const model = await startScriptedModel([{ when: () => true, steps: [bash('sleep 0.1')] }]);
  const env = { ...process.env, ...model.env };
  const path = await findCopilot(undefined);
  const errors: unknown[] = [];
  try {
    for (const afterMs of [0, 30, 100, 300]) {
      const copilotHome = join(folder, `copilot-${afterMs}`);
      await mkdir(copilotHome);
      const runtime = await startRuntime({ path, copilotHome, env });
      const busy = async (copilotSessionId: string): Promise<void> => {
        const session = await openSession(runtime, {
          copilotSessionId,
          cwd: folder,
          env,
          copilotHome,
          initScript: shellScript(copilotSessionId, {}, { root: folder }),
          permissions: 'all',
          trustRepo: false,
          keepQuestions: false,
          mustExist: false,
          onEvent: () => undefined,
        });
        for (;;) {
          await runtime.request(session.send({ prompt: 'go', mode: 'immediate' }));
          await runtime.request(session.rpc.interruptMainTurn({ flushQueued: true }));
          await runtime.request(session.rpc.tasks.list());
        }
      };
      const all = ['a', 'b', 'c', 'd'].map((id) => busy(id).catch((error: unknown) => errors.push(error)));
      await delay(afterMs);
      process.kill(runtime.pid, 'SIGTERM');
      await Promise.all(all);
      await runtime.stop();
    }
    expect(errors).toHaveLength(16);
    expect(errors.filter((error) => !(error instanceof RuntimeDied))).toEqual([]);
  } finally {
    await model.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

it('that can be told nothing any more is dead, and takes nothing else with it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'subagents-runtime-'));
  const path = await findCopilot(undefined);
  const env = { ...process.env, COPILOT_PROVIDER_BASE_URL: 'http://127.0.0.1:9/v1', COPILOT_MODEL: 'none' };
  const runtime = await startRuntime({ path, copilotHome: folder, env });
  try {
    // As in the moment between its death and the news of that. What is not caught fails this test.
    (runtime.client['cliProcess' as never] as ChildProcess).stdin?.destroy();
    const calls = [1, 2, 3].map(() => runtime.request(runtime.client.ping()));
    for (const call of calls) await expect(call).rejects.toThrow(RuntimeDied);
  } finally {
    await runtime.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
