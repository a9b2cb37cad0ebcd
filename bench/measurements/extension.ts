/**
 * How much the extension adds to the start of interactive Copilot CLI, and how soon a completion is in the
 * conversation.
 */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Scenario } from '../../src/demo/scripted-model.ts';
import { pollUntil } from '../../src/demo/until.ts';
import { mainAgent } from '../../test/support/main-agent.ts';
import { startCopilot, type CopilotTerminal } from '../../test/support/terminal.ts';
import { now } from '../clock.ts';
import { median, quantile, rounded } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';

const COMMAND = fileURLToPath(new URL('../../src/cli/main.bundle.js', import.meta.url));
/** A task that ends when the conversation is idle again. */
const LATER = 'Later: take three seconds, then report.';
const later: Scenario = {
  when: ({ text, systemMessage }) => systemMessage.includes('You are a subagent') && text.includes(LATER),
  steps: [{ text: 'I am done.', delayMs: 3_000 }],
};
const ARRIVAL_TIMEOUT_MS = 120_000;

/** A user's home, with or without the extension. */
async function humansHome(rig: Rig, name: string, install: boolean): Promise<string> {
  const home = `${rig.folder}/${name}`;
  if (install)
    await execa(process.execPath, [COMMAND, 'install', 'copilot'], { env: { HOME: home, COPILOT_HOME: '' } });
  return home;
}

const copilot = (rig: Rig, home: string, ...args: string[]): Promise<CopilotTerminal> =>
  startCopilot({
    cwd: rig.repo,
    home,
    env: { ...rig.model.env, SUBAGENTS_HOME: rig.home },
    args: ['--experimental', '--allow-all-tools', ...args],
  });

export const extensionStart: Measurement = {
  name: 'extension-start',
  defaultRuns: 9,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress, scenarios: [mainAgent] });
    const homes = {
      with: await humansHome(rig, 'with', true),
      without: await humansHome(rig, 'without', false),
    };
    const start = async (home: string): Promise<number> => {
      const began = now();
      const terminal = await copilot(rig, home);
      const took = now() - began;
      await terminal.close();
      return took;
    };
    // Warm-up, which is not measured.
    for (const home of Object.values(homes)) await start(home);
    const times = { with: [] as number[], without: [] as number[] };
    for (let run = 1; run <= runs; run++)
      for (const side of ['without', 'with'] as const) times[side].push(await start(homes[side]));
    return [
      {
        name: 'extension-start',
        unit: 'ms' as const,
        value: rounded(median(times.with)),
        peer: rounded(median(times.without)),
      },
    ];
  },
};

export const completionToArrival: Measurement = {
  name: 'completion-to-arrival',
  defaultRuns: 20,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress, scenarios: [later, mainAgent] });
    const home = await humansHome(rig, 'human', true);
    await using terminal = await copilot(rig, home, '--session-id', randomUUID());
    const delays: number[] = [];
    for (let run = 1; run <= runs; run++) {
      const label = `done-${run}`;
      await terminal.say(`call sessions_spawn ${JSON.stringify({ task: LATER, label })}`);
      const arrival = (): number | undefined =>
        rig.model.requests.find(({ conversation }) =>
          conversation?.userMessages.at(-1)?.includes(`${label}@1 has ended`),
        )?.receivedAt;
      const options = { timeoutMs: ARRIVAL_TIMEOUT_MS, signal: new AbortController().signal };
      const arrived = await pollUntil(arrival, options);
      if (arrived === undefined) throw new Error(`the completion of ${label} did not arrive`);
      await terminal.shows(`Relayed: ${label}@1`);
      const ended = rig.model.requests.findLast(
        ({ conversation, finishedAt = Infinity }) =>
          conversation?.systemMessage.includes('You are a subagent') && finishedAt < arrived,
      )?.finishedAt;
      delays.push(arrived - (ended ?? Number.NaN));
    }
    return [
      { name: 'completion-to-arrival-p50', unit: 'ms', value: rounded(median(delays)) },
      { name: 'completion-to-arrival-p95', unit: 'ms', value: rounded(quantile(delays, 0.95)) },
    ];
  },
};
