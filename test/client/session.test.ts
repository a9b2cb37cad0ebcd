import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LostRunError, SubagentsError, type Subagents } from '../../src/client/index.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('write a file', [
        bash('echo hello > hello.txt && git add . && git commit -qm "Say hello"'),
        { text: 'I said hello.' },
      ]),
      on('say done', [{ text: 'Nothing to do.' }]),
      on('wait', [bash('sleep 120'), { text: 'Waited.' }]),
      on('ask', [
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which colour?' } }] },
        { text: 'Painted it.' },
      ]),
      on('no credentials', [{ error: { status: 403, message: 'no access' } }]),
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const cwd = () => ({ cwd: fleet.repository.path });

/** The error that `promise` rejects with. */
async function refusal(promise: Promise<unknown>): Promise<SubagentsError> {
  const error: unknown = await promise.then(
    (value) => new Error(`it went well: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof SubagentsError) return error;
  throw error;
}

/** Settles when `probe` gives something but undefined. */
async function eventually<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until the subagent runs its shell command. */
const inItsShell = (session: string, label: string) =>
  eventually(async () => {
    const { tool, doing } = (await subagents.session(session).subagent(label).describe()) as {
      tool?: string;
      doing: string;
    };
    return tool === 'bash' || doing.includes('sleep') ? doing : undefined;
  });

describe('a spawn', () => {
  it('is accepted when its workflow has started, and ends with an outcome', async () => {
    const session = subagents.session('spawning');
    const answer = await session.spawn({ label: 'hello', task: 'write a file' }, cwd());
    expect(answer).toMatchObject({
      accepted: true,
      label: 'hello',
      run: 1,
      workflowId: 'subagent/spawning/hello',
    });
    const outcome = await answer.result();
    expect(outcome).toMatchObject({
      status: 'done',
      report: 'I said hello.',
      evidence: { commitCount: 1, branch: 'subagents/hello', filesChanged: ['hello.txt'] },
    });
  });

  it('gives a handle of that run, whatever becomes of its label', async () => {
    const session = subagents.session('pinned');
    const first = await session.spawn({ label: 'again', task: 'say done' }, cwd());
    expect(await first.result()).toMatchObject({ status: 'done' });
    const second = await session.spawn({ label: 'again', task: 'wait' }, cwd());
    expect([first.run, second.run, second.workflowId]).toEqual([1, 2, first.workflowId]);
    expect(await first.describe()).toMatchObject({ run: 1, status: 'done' });
    expect((await refusal(first.steer('more'))).code).toBe('ALREADY_ENDED');
    expect((await refusal(first.kill())).code).toBe('ALREADY_ENDED');
    expect((await second.kill()).run).toBe(2);
    expect(await first.identity()).toMatchObject({ run: 1, runId: first.runId });
  });

  it('says how many uncommitted changes it leaves out', async () => {
    await fleet.repository.write({ 'draft.txt': 'not yet' });
    const { notes } = await subagents.session('spawning').spawn({ label: 'notes', task: 'say done' }, cwd());
    expect(notes.join()).toContain(`1 uncommitted change of ${fleet.repository.path}`);
    await fleet.repository.git('clean', '-fdq');
  });

  it('of a list answers each', async () => {
    const session = subagents.session('lists');
    const answers = await session.spawn(
      [
        { label: 'a', task: 'say done' },
        { label: 'a', task: 'say done' },
        { label: 'elsewhere', task: 'say done', repo: '/' },
        { label: 'b', task: 'say done', base: 'no-such-branch' },
      ],
      cwd(),
    );
    expect(answers.map((answer) => (answer.accepted ? 'accepted' : answer.code))).toEqual([
      'accepted',
      'LABEL_LIVE',
      'NOT_A_REPOSITORY',
      'UNKNOWN_BASE',
    ]);
  });

  it('of one that is refused throws why', async () => {
    const session = subagents.session('refusals');
    await session.spawn({ label: 'busy', task: 'wait' }, cwd());
    const error = await refusal(session.spawn({ label: 'busy', task: 'say done' }, cwd()));
    expect(error.code).toBe('LABEL_LIVE');
    expect(error.message).toContain('busy');
    expect((await refusal(session.spawn({ label: 'x', task: 'say done', repo: '/' }, cwd()))).code).toBe(
      'NOT_A_REPOSITORY',
    );
    expect((await session.list()).live.map(({ label }) => label)).toEqual(['busy']);
    await session.subagent('busy').kill();
  });

  it('with the same request id spawns once', async () => {
    const session = subagents.session('once');
    const options = { ...cwd(), requestId: 'morning-1' };
    const first = await session.spawn({ label: 'one', task: 'say done' }, options);
    await session.subagent('one').result();
    const again = await session.spawn({ label: 'one', task: 'say done' }, options);
    expect(again.runId).toBe(first.runId);
    expect((await session.list()).finishedCount).toBe(1);
  });

  it.each([
    ['label', { label: 'two', task: 'say done' }],
    ['task', { label: 'one', task: 'write a file' }],
  ])('with the request id of one with another %s is refused', async (what, other) => {
    const session = subagents.session(`once-another-${what}`);
    const options = { ...cwd(), requestId: 'morning-1' };
    await session.spawn({ label: 'one', task: 'say done' }, options);
    await session.subagent('one').result();
    const error = await refusal(session.spawn(other, options));
    expect(error.code).toBe('BAD_INPUT');
    expect(error.message).toContain('the request id morning-1 was already used for a different request');
    const steps = [{ id: 'a', task: 'say done' }];
    expect((await refusal(session.chain({ label: 'three', steps }, options))).code).toBe('BAD_INPUT');
    expect((await session.list()).finishedCount).toBe(1);
  });

  it('may use a label again, and earlier runs stay readable', async () => {
    const session = subagents.session('again');
    for (const run of [1, 2]) {
      expect((await session.spawn({ label: 'fix', task: 'say done' }, cwd())).run).toBe(run);
      await session.subagent('fix').result();
    }
    expect((await session.subagent('fix@1').result()).run).toBe(1);
    expect((await session.subagent('fix').result()).run).toBe(2);
    expect((await refusal(session.subagent('fix@3').result())).remedy).toBe('known runs: fix@2, fix@1');
  });
});

describe('a run that the server no longer keeps', () => {
  it('is known by what its session remembers', async () => {
    const session = subagents.session('retention');
    const { workflowId, runId } = await session.spawn({ label: 'old', task: 'write a file' }, cwd());
    await session.subagent('old').result();
    await withTemporal(async (client) => {
      const workflowExecution = { workflowId, runId };
      await client.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution });
      await eventually(async () =>
        client.workflow
          .getHandle(workflowId)
          .describe()
          .then(
            () => undefined,
            () => true,
          ),
      );
    });
    const error = await refusal(session.subagent('old').result());
    expect(error).toBeInstanceOf(LostRunError);
    expect((error as LostRunError).entry).toMatchObject({
      label: 'old',
      run: 1,
      status: 'done',
      branch: 'subagents/old',
    });
    expect(error.message).toContain('I said hello.');
    const description = await session.subagent('old@1').describe();
    expect(description).toMatchObject({ status: 'done', doing: 'I said hello.', workerless: false });
    expect(description.notes.join()).toContain('the server has deleted the history of this run');
    expect((await refusal(session.subagent('old').transcript().next())).code).toBe('LOST');
    expect((await refusal(session.subagent('old').steer('Hello?'))).code).toBe('ALREADY_ENDED');
  });
});

describe('a live subagent', () => {
  it('is listed with what it is doing, steered, described and killed', async () => {
    const session = subagents.session('live');
    await session.spawn({ label: 'waiter', task: 'wait' }, cwd());
    await inItsShell('live', 'waiter');

    const { live, workerless, server } = await session.list();
    expect(live).toMatchObject([{ label: 'waiter', status: 'working', session: 'live' }]);
    expect(live[0]?.progress?.usage.modelRequests).toBeGreaterThan(0);
    expect([workerless, server.address]).toEqual([false, fleet.server.address]);

    const receipt = await session.subagent('wai').steer('Hurry up.', { id: 'nudge-1' });
    expect(receipt).toMatchObject({ id: 'nudge-1', delivery: 'mid-turn' });
    expect(await session.subagent('waiter').steer('Hurry up.', { id: 'nudge-1' })).toEqual(receipt);

    const description = await session.subagent('last').describe();
    expect(description).toMatchObject({
      status: 'working',
      branch: 'subagents/waiter',
      turns: 1,
      workerless: false,
    });
    expect(description.steers).toMatchObject([
      { id: 'nudge-1', message: 'Hurry up.', receipt: { delivery: 'mid-turn' } },
    ]);

    const report = await session.subagent('waiter').kill();
    expect(report).toMatchObject({ status: 'killed', run: 1, sweep: { left: [] } });
    expect((await session.subagent('waiter').result()).status).toBe('killed');
    for (const late of [session.subagent('waiter').kill(), session.subagent('waiter').steer('Hello?')]) {
      const error = await refusal(late);
      expect(error.code).toBe('ALREADY_ENDED');
      expect(error.message).toContain('waiter@1: it has ended (killed)');
    }
  });

  it('asks, and goes on with the answer', async () => {
    const session = subagents.session('questions');
    await session.spawn({ label: 'painter', task: 'ask' }, cwd());
    const painter = session.subagent('painter');
    const [question] = await eventually(async () => {
      const { questions } = await painter.describe();
      return questions.length > 0 ? questions : undefined;
    });
    expect(question?.question).toBe('Which colour?');
    expect((await refusal(painter.answer('blue', { questionId: 'other' }))).code).toBe('WHICH_QUESTION');
    await painter.answer('blue');
    expect((await painter.result()).report).toBe('Painted it.');
  });

  it('that fails has an outcome that says why', async () => {
    const session = subagents.session('failing');
    await session.spawn({ label: 'locked-out', task: 'no credentials' }, cwd());
    const outcome = await session.subagent('locked-out').result();
    expect(outcome).toMatchObject({ status: 'failed', failure: { class: 'model', cause: 'credentials' } });
  });

  it('that is terminated from outside is lost, and its result says so', async () => {
    const session = subagents.session('terminated');
    await session.spawn({ label: 'gone', task: 'wait' }, cwd());
    await inItsShell('terminated', 'gone');
    await withTemporal(
      async (client) =>
        void (await client.workflow.getHandle('subagent/terminated/gone').terminate('a test')),
    );
    const error = await refusal(session.subagent('gone').result());
    expect(error.code).toBe('LOST');
    expect(error.message).toContain('was terminated');
    const [listed] = await eventually(async () => {
      const { finished } = await session.list();
      return finished.length > 0 ? finished : undefined;
    });
    expect(listed).toMatchObject({ label: 'gone', status: 'lost' });
  });
});

/** What the temporal command would do. */
async function withTemporal(act: (client: Client) => Promise<void>): Promise<void> {
  const connection = await Connection.connect({ address: fleet.server.address });
  try {
    await act(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

describe('a target', () => {
  it('is found in any session, and says what was meant', async () => {
    const session = subagents.session('targets');
    await session.spawn({ label: 'unmistakable', task: 'say done' }, cwd());
    await session.subagent('unmistakable').result();
    expect((await (await subagents.find('targets/unmistakable')).identity()).session).toBe('targets');
    const anywhere = await subagents.find('unmistak');
    expect(anywhere.target).toBe('unmistakable@1');
    expect((await refusal(subagents.find('unmistakeable'))).remedy).toBe(
      'did you mean targets/unmistakable?',
    );
    expect((await refusal(session.subagent('nobody').steer('x'))).code).toBe('UNKNOWN_TARGET');
    expect((await refusal(subagents.session('no-such-session').subagent('a').result())).code).toBe(
      'UNKNOWN_TARGET',
    );
  });
});

describe('all sessions', () => {
  it('are listed with their subagents', async () => {
    await subagents.session('first').spawn({ label: 'a', task: 'say done' }, cwd());
    await subagents.session('second').spawn({ label: 'b', task: 'say done' }, cwd());
    await eventually(async () =>
      (await subagents.sessions()).filter(({ session }) => /^(first|second)$/.test(session)).length === 2
        ? true
        : undefined,
    );
    await Promise.all(['first/a', 'second/b'].map(async (target) => (await subagents.find(target)).result()));
    const { sessions, workerless, server } = await subagents.list();
    const rows = sessions.flatMap(({ live, finished }) => [...live, ...finished]);
    expect(rows.map(({ session, label }) => `${session}/${label}`)).toEqual(
      expect.arrayContaining(['first/a', 'second/b']),
    );
    expect([workerless, server.namespace]).toEqual([false, 'default']);
  });
});

describe('a transcript', () => {
  it('tells what was said and done', async () => {
    const session = subagents.session('transcripts');
    await session.spawn({ label: 'told', task: 'write a file' }, cwd());
    await session.subagent('told').result();
    const entries = [];
    for await (const entry of session.subagent('told').transcript()) entries.push(entry);
    expect(entries.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['task', 'tool', 'message']));
    expect(entries.find(({ kind }) => kind === 'message')?.text).toBe('I said hello.');
  });

  it('is followed to the end of the subagent, each entry once', async () => {
    const session = subagents.session('transcripts');
    await session.spawn({ label: 'followed', task: 'ask' }, cwd());
    const texts: string[] = [];
    for await (const { text } of session.subagent('followed').transcript({ follow: true })) {
      texts.push(text);
      if (text.includes('Which colour?')) await session.subagent('followed').answer('red');
    }
    expect(texts.filter((text) => text === 'Painted it.')).toHaveLength(1);
  });

  it('that is followed lets go at once', async () => {
    const session = subagents.session('transcripts');
    await session.spawn({ label: 'endless', task: 'wait' }, cwd());
    const entries = session.subagent('endless').transcript({ follow: true });
    await entries.next();
    const before = Date.now();
    await entries.return();
    // Not with the next entry, which comes after two minutes.
    expect(Date.now() - before).toBeLessThan(60_000);
    await session.subagent('endless').kill();
  });
});
