/** Subagents in interactive Copilot CLI: the real CLI in a terminal, the real extension, a real fleet; only the models are scripted. */
import { randomUUID } from 'node:crypto';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { MAIN } from '../cli/command.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { mainAgent } from '../support/main-agent.ts';
import { startCopilot, type CopilotTerminal } from '../support/terminal.ts';
import { bash, on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;
let human: TemporaryFolder;

beforeAll(async () => {
  human = await temporaryFolder();
  fleet = await startFleet(
    [
      mainAgent,
      on('say done', [{ text: 'Nothing to do.' }]),
      on('sleep a little', [bash('sleep 3'), { text: 'Slept.' }]),
      on('go on and on', [bash('sleep 300'), { text: 'Went on.' }]),
      on('ask', [
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which colour?' } }] },
        { text: 'Painted it.' },
      ]),
    ],
    { env: { SUBAGENTS_ROOM: '8' } },
  );
  subagents = await fleet.connect();
  await execa(process.execPath, [MAIN, 'install', 'copilot'], {
    env: { HOME: human.path, COPILOT_HOME: '' },
  });
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
  await human?.[Symbol.asyncDispose]();
});

/** A human's terminal with Copilot CLI; the session of that conversation. */
const copilot = (id: string, ...args: string[]): Promise<CopilotTerminal> =>
  startCopilot({
    cwd: fleet.repository.path,
    home: human.path,
    env: { ...fleet.model.env, SUBAGENTS_HOME: fleet.home, TEMPORAL_ADDRESS: fleet.server.address },
    args: ['--experimental', '--allow-all-tools', ...(args.length > 0 ? args : ['--session-id', id])],
  });

const call = (name: string, parameters: object): string => `call ${name} ${JSON.stringify(parameters)}`;

describe('interactive Copilot CLI', { timeout: 240_000 }, () => {
  it('spawns, chats on, and has completions and questions come by themselves', async () => {
    const id = randomUUID();
    await using terminal = await copilot(id);
    await terminal.say(call('sessions_spawn', { label: 'nap', task: 'sleep a little' }));
    await terminal.shows('Got: accepted nap@1');
    await terminal.say('and what is the capital of France');
    await terminal.shows('Heard: and what is the capital of France');
    await terminal.shows('Relayed: nap@1 has ended: done');

    await terminal.say(call('sessions_spawn', { label: 'paint', task: 'ask' }));
    await terminal.shows('Relayed: paint@1: question');
    await terminal.say(call('subagents', { action: 'answer', target: 'paint', message: 'Blue.' }));
    await terminal.shows('Relayed: paint@1 has ended: done');
    const session = `copilot-${id}`;
    await eventually(async () => (await subagents.session(session).peek()).length === 0);
  });
});
