import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findCopilot } from '../../src/copilot/executable.ts';
import { startRuntime } from '../../src/copilot/runtime.ts';
import { openSession } from '../../src/copilot/session.ts';
import { shellScript } from '../../src/copilot/shell-script.ts';
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
      initScript: shellScript('login'),
      permissions: 'all',
      trustRepo: false,
      keepQuestions: false,
      begun: false,
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
