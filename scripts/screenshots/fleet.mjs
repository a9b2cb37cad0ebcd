// A throw-away fleet for pictures: an embedded server, a worker, Copilot CLI and git, all real; only the model is scripted.
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Subagents } from '../../dist/src/client/index.js';
import { makeProject } from '../../dist/src/demo/project.js';
import { RunningUp } from '../../dist/src/demo/running-up.js';
import { startScriptedModel } from '../../dist/src/demo/scripted-model.js';
import { pollUntil } from '../../dist/src/demo/until.js';

const NEVER = new AbortController().signal;
const PATIENCE_MS = 180_000;

/**
 * Starts everything. What ends it is added to `undo`, to be run in reverse.
 * @param {readonly import('../../dist/src/demo/scripted-model.js').Scenario[]} scenarios
 * @param {{ repositories: readonly string[], slots: number }} options names of the repositories to make, and turns at once
 * @param {(() => unknown)[]} undo
 */
export async function startFleet(scenarios, { repositories, slots }, undo) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'subagents-')));
  undo.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const model = await startScriptedModel(scenarios);
  undo.push(() => model.stop());
  const home = join(folder, 'home');
  const { HOME, PATH, SUBAGENTS_TEMPORAL_PATH } = process.env;
  // The camera needs no link: a browser that was let in is shown the same.
  const up = await RunningUp.start({
    home,
    env: {
      HOME,
      PATH,
      SUBAGENTS_TEMPORAL_PATH,
      ...model.env,
      SUBAGENTS_SLOTS: String(slots),
      SUBAGENTS_KEYS: 'off',
    },
    now: NEVER,
    onEvent: ({ message }) => console.log(message),
    onProgress: (line) => console.log(line),
  });
  undo.push(() => up.stop());
  const repos = repositories.map((name) => join(folder, name));
  for (const repo of repos) await makeProject(repo);
  if (!(await pollUntil(() => up.worker(), { timeoutMs: PATIENCE_MS, signal: NEVER })))
    throw new Error('no worker');
  const client = await Subagents.connect({ home, env: {} });
  undo.push(() => client.close());
  const session = client.session();
  undo.push(async () => {
    const { live } = await session.list({ finished: 0, progress: false });
    await Promise.all(live.map(({ label }) => session.subagent(label).kill()));
  });
  return { home, folder, repositories: repos, client, session };
}
