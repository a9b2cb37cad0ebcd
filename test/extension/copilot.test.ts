/** Subagents in interactive Copilot CLI: the real CLI in a terminal, the real extension, a real fleet; only the models are scripted. */
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { SESSION, SUBAGENT_VARIABLE, type Announcement } from '../../src/contract/index.ts';
import type { ModelConversation } from '../../src/demo/conversation.ts';
import { historyKey, pushedLine } from '../../src/prompts/index.ts';
import { MAIN } from '../cli/command.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { mainAgent } from '../support/main-agent.ts';
import { temporaryRepository } from '../support/repository.ts';
import { startCopilot, type CopilotTerminal } from '../support/terminal.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell, withClient } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;
let human: TemporaryFolder;

beforeAll(async () => {
  human = await temporaryFolder();
  fleet = await startFleet(
    [
      mainAgent,
      on('wait for nap', [bash(until('nap', 'awake')), { text: 'Nap is over.' }]),
      ...[
        'quick',
        'away',
        'known',
        'lost',
        'aside',
        'sequel',
        'tardy',
        'dozy',
        'drowsy',
        'twice',
        'later',
      ].map((name) => on(name, [bash(until(name, 'over')), { text: 'It is over.' }])),
      on('go on and on', [bash('sleep 300'), { text: 'Went on.' }]),
      on('ask', [
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which colour?' } }] },
        { text: 'Painted it.' },
      ]),
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
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
const spawn = (label: string, task: string): string => call('sessions_spawn', { label, task });
const act = (action: string, more: object = {}): string => call('subagents', { action, ...more });

/** What the main agent's model was sent last in the conversation in which the human began with `opening`. */
const lastSeen = (opening: string): ModelConversation['messages'] => {
  const seen = fleet.model.requests.findLast(({ conversation }) =>
    conversation?.userMessages.find((message) => !message.startsWith('[announcements'))?.includes(opening),
  );
  return seen?.conversation?.messages ?? [];
};
const pushes = (messages: ModelConversation['messages'], key: string): number =>
  messages.filter(({ content }) => /\[announcements of subagents:.*/.exec(content)?.[0].includes(key)).length;

/** Names of the tools that the main agent's model was offered when the human had said `line`. */
const toolsOffered = (line: string): readonly string[] | undefined =>
  fleet.model.requests.findLast(({ conversation }) =>
    conversation?.userMessages.some((said) => said.includes(line)),
  )?.tools;

const unread = async (session: string): Promise<string[]> =>
  (await subagents.session(session).peek()).map(({ id }) => id);
/** A shell command that ends once `name` is a file in the human's folder. */
const until = (name: string, then: string): string =>
  `until [ -e ${join(human.path, name)} ]; do sleep 0.1; done; echo ${then}`;
const touch = (name: string): Promise<void> => writeFile(join(human.path, name), '');

describe('interactive Copilot CLI', { timeout: 300_000 }, () => {
  it('chats on while subagents work, and has completions and questions come by themselves', async () => {
    const id = randomUUID();
    await using terminal = await copilot(id);
    await terminal.say(spawn('nap', 'wait for nap'));
    await terminal.shows('Got: accepted nap@1');
    await terminal.say('and what is the capital of France');
    await terminal.shows('Heard: and what is the capital of France');
    await touch('nap');
    await terminal.shows('Relayed: nap@1 has ended: done');

    await terminal.say(spawn('paint', 'ask'));
    await terminal.shows('Relayed: paint@1: question');
    await terminal.say(act('answer', { target: 'paint', message: 'Blue.' }));
    await terminal.shows('Relayed: paint@1 has ended: done');

    // On a busy machine the worker may have been announced as away before.
    const told = lastSeen('"nap"').find(
      ({ content }) =>
        content.includes('[announcements of subagents: nap@1') && content.includes('nap@1 has ended'),
    );
    expect(told?.role).toBe('user');
    const lines = told?.content.split('\n') ?? [];
    const report = lines.findIndex((line) => line.startsWith('| Nap is over.'));
    const evidence = lines.findIndex((line) => line.includes('measured by us:'));
    expect(evidence).toBeGreaterThan(0);
    expect(report).toBeGreaterThan(evidence);
    expect(lines.slice(0, report).findLast((line) => !line.startsWith('| '))).toMatch(
      /^<<<[0-9a-f]{16} report: text from subagent nap@1, not from the human/,
    );

    const session = `copilot-${id}`;
    await eventually(async () => (await unread(session)).length === 0);
    const { staticSummary } = await withClient(fleet, (client) =>
      client.workflow.getHandle(`session/${session}`).describe(),
    ).then(async (description) => ({ staticSummary: await description.staticSummary() }));
    expect(staticSummary).toMatch(/^Copilot CLI in project/);
  });

  it('steers and kills, and is told mid-turn without what it runs being stopped', async () => {
    const id = randomUUID();
    await using terminal = await copilot(id);
    await terminal.say(spawn('long', 'go on and on'));
    await terminal.shows('Got: accepted long@1');
    await inItsShell(subagents, `copilot-${id}`, 'long');
    await terminal.say(act('steer', { target: 'long', message: 'Hurry.' }));
    await terminal.shows('Got: long@1: steered');
    await terminal.say(spawn('quick', 'say done after quick'));
    await terminal.shows('Got: accepted quick@1');

    await terminal.say(call('bash', { command: until('busy', 'is-over'), description: 'busy' }));
    await terminal.shows(/Shell busy/);
    await touch('quick');
    await terminal.shows('quick@1 has ended: done');
    await touch('busy');
    await terminal.shows('Relayed: quick@1 has ended: done');
    const messages = lastSeen('"long"');
    const news = messages.findIndex(({ content }) =>
      content.includes('[announcements of subagents: quick@1'),
    );
    const before = messages[news - 1];
    expect(before?.role).toBe('tool');
    expect(before?.content).toMatch(/is-over[^]*completed with exit code 0/);

    await terminal.say(act('kill', { target: 'long' }));
    await terminal.shows('Got: long@1: killed');
    await eventually(async () => (await unread(`copilot-${id}`)).length === 0);
    await terminal.say('is there news');
    await terminal.shows('Heard: is there news');
    // Its end was in the answer of the kill.
    expect(pushes(lastSeen('"long"'), 'long@1:')).toBe(0);
  });

  it('tells once what comes while the model is about to ask for it', async () => {
    const id = randomUUID();
    await using terminal = await copilot(id);
    const asks = {
      tardy: act('show', { target: 'tardy' }),
      dozy: act('wait', { target: 'dozy', timeout: '10m' }),
      drowsy: act('wait', { timeout: '10m' }),
    };
    // So that there is something to wait for.
    await terminal.say(spawn('long', 'go on and on'));
    await terminal.shows('Got: accepted long@1');
    for (const [label, ask] of Object.entries(asks)) {
      await terminal.say(spawn(label, `wait for ${label}`));
      await terminal.shows(`Got: accepted ${label}@1`);
      await terminal.say(`slowly ${ask}`);
      await eventually(() => lastSeen('"long"').at(-1)?.content.includes(`slowly ${ask}`));
      await touch(label);
      await terminal.shows(`Relayed: ${label}@1 has ended: done`);
      const messages = lastSeen('"long"');
      const pushed = messages.findIndex(({ content }) =>
        content.includes(`[announcements of subagents: ${label}@1`),
      );
      const answer = messages.slice(0, pushed).findLast(({ role }) => role === 'tool')?.content ?? '';
      expect(answer).toMatch(new RegExp(`^${label}@1(: done, | has ended: done)`));
      expect(answer).not.toContain('announcements told');
      if (label !== 'tardy') {
        expect(answer).toContain('It comes into this conversation next.');
        expect(answer).not.toContain('It is over.');
      }
      expect(pushes(messages, `${label}@1:`)).toBe(1);
    }
    await eventually(async () => (await unread(`copilot-${id}`)).length === 0);
    await subagents.session(`copilot-${id}`).subagent('long').kill();
  });

  it('brings after a resume what happened meanwhile, each thing once', async () => {
    const id = randomUUID();
    const session = `copilot-${id}`;
    const first = await copilot(id);
    await first.say(spawn('away', 'wait for away'));
    await first.shows('Got: accepted away@1');
    await first.say(spawn('known', 'wait for known'));
    await first.shows('Got: accepted known@1');
    await first.close();
    await Promise.all([touch('away'), touch('known')]);
    await eventually(async () => (await unread(session)).length === 2);
    // As if the window had been closed between the arrival of this one and its acknowledgement.
    const announcements = await subagents.session(session).peek();
    pretendToHaveTold(id, announcements.filter(({ label }) => label === 'known').map(historyKey));

    const second = await copilot(id, `--resume=${id}`);
    await second.shows('Relayed: away@1 has ended: done');
    await eventually(async () => (await unread(session)).length === 0);
    await second.close();

    await using third = await copilot(id, `--resume=${id}`);
    await third.say('is there more');
    await third.shows('Heard: is there more');
    const messages = lastSeen('"away"');
    expect(pushes(messages, 'away@1:')).toBe(1);
    expect(pushes(messages, 'known@1:')).toBe(1);
  });

  it('tells one of two terminals that have the conversation open, and the other once that is closed', async () => {
    const id = randomUUID();
    const first = await copilot(id);
    await first.say(spawn('twice', 'wait for twice'));
    await first.shows('Got: accepted twice@1');
    await first.say(spawn('later', 'wait for later'));
    await first.shows('Got: accepted later@1');
    await using second = await copilot(id, `--resume=${id}`);
    await second.say('are you the second');
    await second.shows('Heard: are you the second');
    /** Model calls that a push led to. */
    const calls = (key: string) =>
      fleet.model.requests.filter(({ conversation }) => {
        const last = conversation?.messages.at(-1);
        return (
          last?.role === 'user' && /\[announcements of subagents:.*/.exec(last.content)?.[0].includes(key)
        );
      }).length;
    await touch('twice');
    await first.shows('Relayed: twice@1 has ended: done');
    await eventually(async () => (await unread(`copilot-${id}`)).length === 0);
    await first.close();
    await touch('later');
    await second.shows('Relayed: later@1 has ended: done');
    await eventually(async () => (await unread(`copilot-${id}`)).length === 0);
    expect([calls('twice@1:'), calls('later@1:')]).toEqual([1, 1]);
  });

  it('holds nothing back for a call that waits for something else', async () => {
    const id = randomUUID();
    await using terminal = await copilot(id);
    await terminal.say(spawn('long', 'go on and on'));
    await terminal.shows('Got: accepted long@1');
    await terminal.say(spawn('aside', 'wait for aside'));
    await terminal.shows('Got: accepted aside@1');
    await terminal.say(act('wait', { target: 'long', timeout: '10m' }));
    await touch('aside');
    // For the human at once; for the model, which Copilot CLI does not interrupt, after the call.
    await terminal.shows('aside@1 has ended: done');
    await subagents.session(`copilot-${id}`).subagent('long').kill();
    await terminal.shows('Relayed: aside@1 has ended: done');
    await eventually(async () => (await unread(`copilot-${id}`)).length === 0);
  });

  it('pushes what was in an answer that the human did not wait for', async () => {
    const id = randomUUID();
    await using terminal = await copilot(id);
    await terminal.say(spawn('stray', 'go on and on'));
    await terminal.shows('Got: accepted stray@1');
    await inItsShell(subagents, `copilot-${id}`, 'stray');
    // So that the kill takes longer than the human's patience.
    process.kill(fleet.worker.pid, 'SIGSTOP');
    try {
      await terminal.say(act('kill', { target: 'stray' }));
      await terminal.shows('subagents action: "kill"');
      await terminal.shows('esc interrupt');
      await eventually(() => {
        terminal.press('\x1b');
        return !terminal.text().includes('esc interrupt');
      });
    } finally {
      process.kill(fleet.worker.pid, 'SIGCONT');
    }
    await terminal.shows('Relayed: stray@1 has ended: killed');
  });

  it('pushes what nobody can be asked about, and what comes after it', async () => {
    const id = randomUUID();
    await using terminal = await copilot(id);
    await terminal.say(spawn('sequel', 'wait for sequel'));
    await terminal.shows('Got: accepted sequel@1');
    const forgotten: Announcement = {
      id: 'forgotten@1:ended',
      kind: 'completed',
      session: `copilot-${id}`,
      label: 'forgotten',
      run: 1,
      workflowId: `subagent/copilot-${id}/forgotten`,
      runId: randomUUID(),
      status: 'done',
      summary: 'Of long ago.',
      at: new Date().toISOString(),
    };
    await withClient(fleet, (client) =>
      client.workflow
        .getHandle(`session/copilot-${id}`)
        .signal(SESSION.announce, { announcement: forgotten }),
    );
    await terminal.shows('Relayed: forgotten@1 has ended: done');
    await touch('sequel');
    await terminal.shows('Relayed: sequel@1 has ended: done');
  });

  it('says what does not run and how to start it, and goes on', async () => {
    const nowhere = join(human.path, 'nowhere');
    await using terminal = await startCopilot({
      cwd: fleet.repository.path,
      home: human.path,
      // Copilot CLI keeps the provider of its model from its extensions.
      env: { ...fleet.model.env, SUBAGENTS_HOME: nowhere },
      args: ['--experimental'],
    });
    await terminal.say(spawn('early', 'say done too early'));
    // Copilot CLI asks its human, with the arguments in full.
    await terminal.shows('Run extension tool "sessions_spawn"');
    terminal.press('\r');
    await terminal.shows('Got: error TEMPORAL_UNREACHABLE');
    const answer = lastSeen('"early"').findLast(({ role }) => role === 'tool')?.content;
    expect(answer).toContain('call "subagents" with action "start" and allowed: true');
    await terminal.say(act('start', { allowed: false }));
    await terminal.shows('Run extension tool "subagents"');
    terminal.press('\r');
    await terminal.shows('Got: error NO_MODEL: nothing is started');
    const refused = lastSeen('"early"').findLast(({ role }) => role === 'tool')?.content;
    expect(refused).toContain(
      'would have no access to your model provider (it lacks COPILOT_PROVIDER_BASE_URL,',
    );
    expect(refused).toContain(`\`subagents up --detach --home '${nowhere}'\` in a terminal of their own`);
    expect(existsSync(nowhere)).toBe(false);
    await terminal.say('are you still there');
    await terminal.shows('Heard: are you still there');
  });

  it('is not there inside a subagent', async () => {
    await using terminal = await startCopilot({
      cwd: fleet.repository.path,
      home: human.path,
      env: { ...fleet.model.env, SUBAGENTS_HOME: fleet.home, [SUBAGENT_VARIABLE]: '1' },
    });
    await terminal.say('what are you here for');
    await terminal.shows('Heard: what are you here for');
    expect(toolsOffered('what are you here for')).not.toContain('sessions_spawn');
  });

  it('is there in a colleague’s clone that has the package, and says one line where it is missing', async () => {
    await using folder = await temporaryFolder();
    await using repository = await temporaryRepository();
    await execa(process.execPath, [MAIN, 'install', 'copilot', '--project'], { cwd: repository.path });
    await repository.commit('Install the extension');
    const cwd = join(await realpath(folder.path), 'clone');
    await repository.git('clone', '--quiet', repository.path, cwd);
    const bin = join(folder.path, 'bin');
    await mkdir(bin);
    await symlink(MAIN, join(bin, 'subagents'));
    const colleague = (path: string) =>
      startCopilot({
        cwd,
        home: folder.path,
        env: { ...fleet.model.env, SUBAGENTS_HOME: fleet.home, PATH: path },
      });
    const path = process.env['PATH'] ?? '';
    {
      await using terminal = await colleague(`${bin}:${path}`);
      await terminal.say('what can you do');
      await terminal.shows('Heard: what can you do');
      expect(toolsOffered('what can you do')).toContain('sessions_spawn');
    }
    await using terminal = await colleague(path);
    await terminal.shows('Durable subagents: the package is not installed on this machine');
    await terminal.say('what do you lack');
    await terminal.shows('Heard: what do you lack');
    expect(toolsOffered('what do you lack')).not.toContain('sessions_spawn');
  });

  it('offers after /clear what has no conversation any more, and adopts it', async () => {
    const id = randomUUID();
    // Of a conversation on another machine, which has a checkout at the same place.
    const elsewhere = subagents.session(`copilot-${randomUUID()}`);
    await elsewhere.spawn({ label: 'theirs', task: 'go on and on' }, { cwd: fleet.repository.path });
    await using terminal = await copilot(id);
    await terminal.say(spawn('lost', 'wait for lost'));
    await terminal.shows('Got: accepted lost@1');
    await terminal.say('/clear');
    await terminal.shows('1 live subagent. Ask me to adopt');
    await terminal.say(act('adopt'));
    await terminal.shows(`Got: adopted copilot-${id}`);
    const adopted = lastSeen('"adopt"').findLast(({ role }) => role === 'tool')?.content;
    expect(adopted).not.toContain(elsewhere.name);
    await elsewhere.subagent('theirs').kill();
    await touch('lost');
    await terminal.shows('Relayed: lost@1 has ended: done');
    await eventually(async () => (await unread(`copilot-${id}`)).length === 0);
  });
});

/** Adds a push to a conversation's history, as Copilot CLI writes it. */
function pretendToHaveTold(id: string, keys: readonly string[]): void {
  const log = join(human.path, '.copilot', 'session-state', id, 'events.jsonl');
  const events = readFileSync(log, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Event);
  const said = events.find(({ type }) => type === 'user.message');
  const last = events.at(-1);
  const content = `${pushedLine(keys)}\nNews.`;
  const event = {
    ...said,
    id: randomUUID(),
    parentId: last?.id,
    timestamp: last?.timestamp,
    data: { ...said?.data, content, transformedContent: content, source: 'system', messageId: randomUUID() },
  };
  appendFileSync(log, `${JSON.stringify(event)}\n`);
}
interface Event {
  readonly type: string;
  readonly id: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}
