// Takes the pictures of the Web UI in docs/images from a throw-away fleet: an embedded server, a worker, Copilot CLI and git, all real; only
// the model is scripted. Needs `npm run build` first, and Chromium: CHROME_PATH, else /usr/bin/chromium. Linux only.
import { fileURLToPath } from 'node:url';
import { Camera } from './screenshots/camera.mjs';
import { startFleet } from './screenshots/fleet.mjs';
import { play, scenarios } from './screenshots/scenes.mjs';

const IMAGES = fileURLToPath(new URL('../docs/images/', import.meta.url));

const undo = [];
try {
  const fleet = await startFleet(scenarios, { repositories: ['corner-shop'], slots: 4 }, undo);
  const { sessionRun, ...subagents } = await play({ ...fleet, repo: fleet.repositories[0] });
  const camera = await Camera.open(IMAGES);
  undo.push(() => camera.close());
  const { uiUrl, namespace } = fleet.client.target;
  const workflows = `${uiUrl}/namespaces/${namespace}/workflows`;
  const page = ({ workflowId, runId }, tab) =>
    `${workflows}/${encodeURIComponent(workflowId)}/${runId}/${tab}`;

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
