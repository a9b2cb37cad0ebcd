// Takes the pictures of docs/images from a throw-away fleet: an embedded server, a worker, Copilot CLI and git, all real; only
// the model is scripted. Needs `npm run build` first, and Chromium: CHROME_PATH, else /usr/bin/chromium. Linux only.
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Subagents } from '../dist/src/client/index.js';
import { makeProject } from '../dist/src/demo/project.js';
import { RunningUp } from '../dist/src/demo/running-up.js';
import { startScriptedModel } from '../dist/src/demo/scripted-model.js';
import { until } from '../dist/src/demo/until.js';
import { Camera } from './screenshots/camera.mjs';
import { play, scenarios } from './screenshots/scenes.mjs';
import { terminalPage } from './screenshots/terminal.mjs';

const IMAGES = fileURLToPath(new URL('../docs/images/', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));
const NEVER = new AbortController().signal;
const PATIENCE_MS = 180_000;

const undo = [];
try {
  const fleet = await startFleet();
  const { sessionRun, ...subagents } = await play(fleet);
  const camera = await Camera.open(IMAGES);
  undo.push(() => camera.close());
  const { uiUrl, namespace } = fleet.client.target;
  const workflows = `${uiUrl}/namespaces/${namespace}/workflows`;
  const page = ({ workflowId, runId }, tab) =>
    `${workflows}/${encodeURIComponent(workflowId)}/${runId}/${tab}`;

  await camera.terminal('list', await terminalPage(MAIN, fleet.home, ['list'], 118));
  await camera.web('workflows', workflows, { ready: 'subagent/default', height: 480 });
  await camera.web('timeline', page(subagents.done, 'history'), {
    ready: 'Event History',
    scrollTo: 'Event History',
    height: 500,
  });
  await camera.web('session', page(sessionRun, 'user-metadata'), { ready: 'Current Details', height: 760 });
  await camera.web('heartbeat', page(subagents.working, 'pending-activities'), {
    ready: 'runTurn',
    scrollTo: 'runTurn',
    height: 700,
  });
  for (const [name, subagent] of Object.entries(subagents)) {
    const options = { ready: 'Current Details', height: 900 };
    await camera.web(`panel-${name}`, page(subagent, 'user-metadata'), options);
  }
} finally {
  for (const step of undo.reverse()) await step();
}

/** Starts everything; `undo` ends it. */
async function startFleet() {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'subagents-')));
  undo.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const model = await startScriptedModel(scenarios);
  undo.push(() => model.stop());
  const home = join(folder, 'home');
  const { HOME, PATH, SUBAGENTS_TEMPORAL_PATH } = process.env;
  const up = await RunningUp.begin({
    home,
    env: { HOME, PATH, SUBAGENTS_TEMPORAL_PATH, ...model.env, SUBAGENTS_ROOM: '4' },
    now: NEVER,
    onEvent: ({ message }) => console.log(message),
    onProgress: (line) => console.log(line),
  });
  undo.push(() => up.stop());
  const repo = join(folder, 'corner-shop');
  await makeProject(repo);
  if (!(await until(() => up.worker(), { timeoutMs: PATIENCE_MS, signal: NEVER })))
    throw new Error('no worker');
  const client = await Subagents.connect({ home, env: {} });
  undo.push(() => client.close());
  const session = client.session();
  undo.push(async () => {
    const { live } = await session.list({ finished: 0, progress: false });
    await Promise.all(live.map(({ label }) => session.subagent(label).kill()));
  });
  return { home, repo, client, session };
}
