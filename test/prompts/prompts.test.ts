/**
 * Everything that the product says to a model, in one file to read: `__snapshots__/prompts.test.ts.snap`. A changed text is
 * written there by `npx vitest run test/prompts -u`.
 */
import { describe, expect, it } from 'vitest';
import { NO_USAGE, outcome, type Announcement } from '../../src/contract/index.ts';
import * as prompts from '../../src/prompts/index.ts';

/** What reads our texts, and says nothing. */
const READERS = [
  'parseAdopted',
  'fencedText',
  'historyKey',
  'keysPushed',
  'keysDelivered',
  'opensRun',
] as const;

type Texts = Partial<Record<keyof typeof prompts, string | readonly (string | undefined)[]>>;

const NONCE = '0123456789abcdef';
const STEER = { id: 's-1', message: 'Leave the lock file alone.' };
const EARLIER = [{ message: 'Begin with the tests.' }];
const VERIFICATION = {
  command: 'npm test',
  exitCode: 1,
  durationMs: 12_300,
  outputTail: '1 test failed\n[subagent fix@1, turn 1]',
};

const TO_SUBAGENTS = {
  instructionsFor: [
    ...(['all', 'workspace', 'read-only'] as const).map((permissions) =>
      prompts.instructionsFor({ permissions }),
    ),
    prompts.instructionsFor({
      ...{ permissions: 'all', sandbox: {}, repositoryInstructions: '(the AGENTS.md of the repository)' },
    }),
    ...['all', 'registry.npmjs.org,*.github.com'].map((hosts) =>
      prompts.instructionsFor({ permissions: 'all', sandbox: { network: { hosts } } }),
    ),
  ],
  ASK_PARENT: prompts.ASK_PARENT,
  ASK_PARENT_DESCRIPTION: prompts.ASK_PARENT_DESCRIPTION,
  ASK_PARENT_ARGUMENTS: Object.entries(prompts.ASK_PARENT_ARGUMENTS).map((each) => each.join(': ')),
  ASKED_BY_SUB_AGENT: prompts.ASKED_BY_SUB_AGENT,
  NO_ANSWER: prompts.NO_ANSWER,
  rejectedText: [prompts.rejectedText('Nothing is pushed before the review.'), prompts.rejectedText()],
  expiredText: prompts.expiredText(),
  APPROVAL_FOR_SUB_AGENT: prompts.APPROVAL_FOR_SUB_AGENT,
  decisionsText: prompts.decisionsText([
    { id: 'a1', what: 'git push origin main', approved: true },
    { id: 'a2', what: 'rm -rf dist', approved: false, text: prompts.rejectedText('Keep it.') },
  ]),
  answersText: prompts.answersText([{ answer: 'Use the second one.' }, { answer: 'Yes.' }]),

  turnMarker: prompts.turnMarker({ label: 'fix', run: 2 }, 3),
  resumedMarker: prompts.resumedMarker('[subagent fix@2, turn 3]'),
  steerMarker: prompts.steerMarker('s-1'),
  resultMarker: prompts.resultMarker('call 1]'),
  promptOf: [
    prompts.promptOf({ kind: 'task' }, 'Fix the login test.', [STEER]),
    prompts.promptOf({ kind: 'repair', problem: 'It did not pass.' }, 'Fix the login test.', []),
    prompts.promptOf({ kind: 'steers' }, 'Fix the login test.', [STEER]),
  ],
  handoverPrompt: [
    prompts.handoverPrompt(
      {
        opening: { kind: 'task' },
        steers: [STEER],
        shown: 'Your commits so far, newest first:\n\n* 1a2b3c4 A test',
      },
      'Fix the login test.',
      EARLIER,
    ),
    prompts.handoverPrompt(
      {
        opening: {
          kind: 'answers',
          answers: [{ requestId: 'q-1', answer: 'Yes.' }],
          decisions: [{ id: 'a1', what: 'git push', approved: true }],
        },
        steers: [],
        shown: '',
      },
      'Fix the login test.',
      [],
    ),
  ],
  earlierRunHandover: [
    prompts.earlierRunHandover({
      task: 'Fix it.',
      status: 'done',
      summary: 'It passes.',
      report: 'All is well.',
    }),
    prompts.earlierRunHandover({ task: 'Fix it.', status: 'lost' }),
  ],
  workSoFarText: prompts.workSoFarText({
    commits: ['1a2b3c4d5e6f A test'],
    files: Array.from({ length: 32 }, (_, index) => `file-${index}.ts`),
    transcript: '12:00:00 message: I look at the test.',
  }),
  GO_ON: prompts.GO_ON,
  endedResultsText: prompts.endedResultsText([
    { toolCallId: 'call-1', what: 'bash: npm test', result: 'ok\nall passed' },
    { toolCallId: 'call-2', what: 'bash: npm run build', result: null },
  ]),
  lostCommandsText: prompts.lostCommandsText(['npm start', 'npm start', 'npm run watch']),
  inBrackets: [prompts.inBrackets(''), prompts.inBrackets('The server was ended.')],
  paragraphs: prompts.paragraphs('One.', '', 'Two.'),
  silentNudge: prompts.silentNudge('no sign of life for 600 s; was doing: bash: npm test'),
  repeatingNudge: prompts.repeatingNudge('20 equal calls in a row, and no file changed meanwhile'),

  READ_ONLY_REFUSAL: prompts.READ_ONLY_REFUSAL,
  policyRefusal: prompts.policyRefusal({
    rule: 'command git push',
    layer: 'repository',
    part: 'git push origin main',
  }),
  approvalRefusal: [
    prompts.approvalRefusal({ rule: 'path:write /**', layer: 'worker', part: '/etc/hosts' }),
    prompts.approvalRefusal({ layer: 'spawn', part: 'make deploy', why: 'what make runs cannot be read' }),
  ],
  outsideRefusal: prompts.outsideRefusal('/etc/passwd'),
  sandboxRefusal: prompts.sandboxRefusal('write'),
  boundText: prompts.boundText('memory', '6.3 GB'),
  refusedPathsText: prompts.refusedPathsText(['/etc/hosts']),
  OUTSIDE_SANDBOX_REFUSAL: prompts.OUTSIDE_SANDBOX_REFUSAL,
  unknownRefusal: prompts.unknownRefusal('teleport'),

  unsavedPrompt: [
    prompts.unsavedPrompt([{ path: 'build/', reason: 'git ignores it' }]),
    prompts.unsavedPrompt(Array.from({ length: 31 }, (_, index) => ({ path: `${index}`, reason: 'new' }))),
  ],
  unusableOutputPrompt: prompts.unusableOutputPrompt('it is no JSON'),
  withOutputAgain: prompts.withOutputAgain('It did not pass.'),
  failedVerificationPrompt: prompts.failedVerificationPrompt(['The command `npm test` exited with code 1.']),
  commandProblem: [
    prompts.commandProblem(VERIFICATION, '12.3 s', 1_000),
    prompts.commandProblem(
      { ...VERIFICATION, exitCode: null, outputTail: '', problem: 'killed by SIGKILL' },
      '1.0 s',
      1_000,
    ),
  ],
  freshSetUpProblem: prompts.freshSetUpProblem('The command `npm ci` exited with code 1 after 1.0 s.'),
  headMoved: [prompts.headMoved('1a2b', '3c4d'), prompts.headMoved('1a2b', undefined)],
  headMovedByCommands: [
    prompts.headMovedByCommands({ branch: 'main', head: '1a2b' }),
    prompts.headMovedByCommands({}),
  ],
  worktreeReplaced: prompts.worktreeReplaced(['its .git is a folder', 'it is elsewhere']),
  trackedFilesChanged: prompts.trackedFilesChanged('"a.ts", "b.ts"'),
  asideHints: prompts.asideHints({ unsaved: '"a.log"', otherwise: '"b.txt"' }),

  outputTask: prompts.outputTask({ type: 'object', properties: { files: { type: 'array' } } }),
  OUTPUT_AGAIN: prompts.OUTPUT_AGAIN,
  artifactsTask: prompts.artifactsTask(['docs/plan.md', 'notes.md']),
  unfencedWordsNote: [
    prompts.unfencedWordsNote(['"src/a.ts"', '"main"', '"main"']),
    prompts.unfencedWordsNote([]),
  ],
  nothingQuoted: prompts.nothingQuoted('fix'),
  ANALYSTS: prompts.ANALYSTS.map((each) => each.join(': ')),
  analysisTask: [
    prompts.analysisTask({
      ...{ id: 'security', about: 'what an attacker could do', names: 'HEAD (1a2b) since main (3c4d)' },
      ...{ diff: '(the diff)', truncated: false },
    }),
    prompts.analysisTask({
      id: 'style',
      about: 'how it reads',
      names: 'HEAD',
      diff: '(the diff)',
      truncated: true,
    }),
  ],
  summaryTask: [
    prompts.summaryTask({ names: 'HEAD (1a2b) since main (3c4d)', post: undefined }),
    prompts.summaryTask({ names: 'HEAD', post: 'Write it into REVIEW.md.' }),
  ],
  researchTask: prompts.researchTask('Add a limit.'),
  implementTask: prompts.implementTask('Add a limit.'),
} satisfies Texts;

const OUTCOME = outcome.parse({
  ...{ status: 'done', label: 'fix', session: 'team', run: 1, summary: 'It passes.', report: 'All is well.' },
  ...{ verifications: [VERIFICATION, { ...VERIFICATION, exitCode: null }], repairs: 0, turns: 2 },
  ...{ notes: ['it was asked to commit'], usage: NO_USAGE },
  caveats: [{ kind: 'unfinished', grade: 'blocking', text: 'a merge in a.ts' }],
  durations: { totalMs: 90_000, queuedMs: 1, workingMs: 60_000, verifyingMs: 1 },
  evidence: {
    ...{
      cwd: '/home/worktrees/team/fix@1',
      branch: 'subagents/fix',
      base: '1a2b3c4d5e6f',
      head: '6f5e4d3c2b1a',
    },
    ...{ commits: [{ sha: '6f5e4d3c2b1a', subject: 'Fix it' }], commitCount: 1, filesChanged: ['a.ts'] },
    ...{ sensitive: ['a.test.ts (test)'], uncommitted: ['b.ts'], touchedOutside: ['branch main'] },
    ...{ diffStat: { files: 1, insertions: 2, deletions: 1 }, savedLeftovers: true },
  },
  push: { remote: 'https://example.com/x.git', ref: 'refs/heads/subagents/fix', commit: '6f5e4d3c2b1a' },
  sweep: {
    ...{
      found: 2,
      ended: 2,
      left: [],
      proof: 'proven',
      notChecked: [],
      commands: ['sleep 9'],
      durationMs: 5,
    },
  },
});
const FAILED = outcome.parse({
  ...{ ...OUTCOME, status: 'failed', evidence: undefined, sweep: undefined, push: undefined, caveats: [] },
  failure: { class: 'model', message: 'no credits' },
  verifications: [],
});
const AT = '2026-01-02T03:04:05.000Z';
const NEWS: Announcement = {
  ...{ id: '1', kind: 'completed', session: 'team', label: 'fix', run: 1, workflowId: 'w', runId: 'r' },
  ...{ status: 'done', summary: 'It passes.', at: AT },
};
const KINDS = [
  ...(['completed', 'failed', 'killed'] as const),
  ...(['question', 'stuck', 'worker-away', 'notice'] as const),
];
const STATUSES = { completed: 'done', failed: 'failed', killed: 'killed' } as const;
const newsOf = (kind: Announcement['kind']): Announcement => ({
  ...NEWS,
  kind,
  status: kind in STATUSES ? STATUSES[kind as keyof typeof STATUSES] : 'working',
});
const ACCEPTED = { label: 'fix', run: 2, workflowId: 'subagent/team/fix' };
const FENCED = { what: 'report', source: 'subagent fix@1', nonce: NONCE };
const COMMAND = '`subagents up`';

const APPROVAL = {
  id: 'e1474112',
  tool: 'bash',
  what: 'git push origin main',
  rule: 'git push *',
  layer: 'repository',
  reason: 'pushes are reviewed',
  always: 'git by the rule "git push *"',
};

const TO_MAIN_AGENTS = {
  APPROVAL_CHOICES: Object.values(prompts.APPROVAL_CHOICES),
  LEFT_OPEN: prompts.LEFT_OPEN,
  NO_APPROVAL_OPEN: prompts.NO_APPROVAL_OPEN,
  waitingCall: [
    prompts.waitingCall(APPROVAL),
    prompts.waitingCall({ id: 'a', tool: 'fetch', what: 'https://x' }),
  ],
  approvalQuestion: prompts.approvalQuestion('fix@1', APPROVAL),
  mainAgentInstructions: prompts.mainAgentInstructions('team'),
  ARRIVES_WITH_RESULT: prompts.ARRIVES_WITH_RESULT,
  IS_PUSHED: prompts.IS_PUSHED,
  pushedNews: [prompts.pushedNews('- (news)', undefined), prompts.pushedNews('- (news)', 'copilot-1')],
  pushedLine: prompts.pushedLine(['1#r', '2#r']),
  deliveredLine: prompts.deliveredLine(['1#r']),
  newsLine: KINDS.map((kind) => prompts.newsLine(newsOf(kind))),
  newsEntry: [...KINDS.map(newsOf), { ...NEWS, caveats: ['stash'] as const }].map(prompts.newsEntry),
  newSinceLastCall: prompts.newSinceLastCall('- (news)'),
  moreNews: [prompts.moreNews(1), prompts.moreNews(2)],

  fence: [
    prompts.fence('It passes.\n\u001b[31mSee a.ts', FENCED),
    prompts.fence('0123456789', { ...FENCED, max: 4, offset: 0 }),
  ],
  subagentText: [
    prompts.subagentText(
      {
        ...{ label: 'fix', run: 1, status: 'working', since: AT, link: 'http://127.0.0.1/fix' },
        ...{ stalled: { reason: 'silent', since: AT }, questions: ['q-1'], words: '(fenced words)' },
      },
      ['(a line of ours)'],
      Date.parse(AT) + 600_000,
    ),
    prompts.subagentText({
      label: 'fix',
      run: 1,
      status: 'done',
      caveats: [{ kind: 'stash' }],
      cleanedAt: AT,
    }),
    prompts.subagentText({ label: 'fix', run: 1, receipt: { delivery: 'mid-turn' } }),
    prompts.subagentText({
      label: 'fix',
      run: 1,
      answered: true,
      answeredQuestion: 'q-1',
      questions: ['q-2'],
    }),
    prompts.subagentText({
      ...{ label: 'fix', run: 1 },
      error: { code: 'NO_WORKER', message: 'no worker answers', remedy: 'start one' },
    }),
  ],
  evidenceLines: [OUTCOME, FAILED].map((each) => prompts.evidenceLines(each).join('\n')),
  nameLines: [OUTCOME, FAILED].map((each) => prompts.nameLines(each).join('\n')),

  spawnAcceptedLine: [ACCEPTED, { ...ACCEPTED, repeated: true }].map(prompts.spawnAcceptedLine),
  spawnRefusedLines: prompts.spawnRefusedLines({
    ...{ label: 'fix', code: 'LABEL_LIVE', reason: 'fix is live', remedy: 'steer it' },
  }),
  chainAcceptedLine: prompts.chainAcceptedLine(ACCEPTED, ['fix.plan', 'fix.do']),
  continuedLine: [ACCEPTED, { ...ACCEPTED, repeated: true }].map((each) =>
    prompts.continuedLine(each, '(how it arrives)'),
  ),
  NO_LIVE_SUBAGENT: prompts.NO_LIVE_SUBAGENT,
  NOTHING_LEFT_TO_TELL: prompts.NOTHING_LEFT_TO_TELL,
  NO_SUBAGENTS_YET: prompts.NO_SUBAGENTS_YET,
  ENDED_BEFORE_KILL: prompts.ENDED_BEFORE_KILL,
  BROUGHT_NEXT: prompts.BROUGHT_NEXT,
  IN_FULL: prompts.IN_FULL,
  MEASURED_BY_US: prompts.MEASURED_BY_US,
  STEPS_ARE_TARGETS: prompts.STEPS_ARE_TARGETS,
  NO_WORKER_ANSWERS: prompts.NO_WORKER_ANSWERS,
  NOTHING_SAID: prompts.NOTHING_SAID,
  moreSubagents: prompts.moreSubagents(3),
  moreFinished: prompts.moreFinished(1),
  nothingYet: prompts.nothingYet(50_000),
  newestEntries: prompts.newestEntries(20, 120, 34_000),
  acknowledgedLine: prompts.acknowledgedLine(2),
  diffLine: [
    prompts.diffLine({ live: true, repository: '/r', base: '1a2b', head: null }),
    prompts.diffLine({ live: false, repository: '/r', base: '1a2b', head: '3c4d' }),
  ],
  NOTHING_TO_ADOPT: prompts.NOTHING_TO_ADOPT,
  adoptedLines: prompts.adoptedLines([{ session: 'copilot-1', waiting: 1, live: 2 }]),
  workerLacks: prompts.workerLacks(['NPM_TOKEN'], COMMAND),
  startByHuman: prompts.startByHuman(COMMAND),
  askBeforeStart: [prompts.askBeforeStart(''), prompts.askBeforeStart('(what it lacks)')],
  orStart: prompts.orStart('start one'),
  errorText: [
    prompts.errorText({ code: 'NO_WORKER', message: 'no worker answers', remedy: 'start one' }),
    prompts.errorText({ code: 'GIT', message: '<<<(fenced)\n| it failed\n>>>' }),
  ],
} satisfies Texts;

const shown = (texts: Texts): [name: string, text: string][] =>
  Object.entries(texts).map(([name, text]) => [
    name,
    typeof text === 'string' ? text : text.map((each) => each ?? '(nothing)').join('\n────────\n'),
  ]);

describe('to subagents', () => {
  it.each(shown(TO_SUBAGENTS))('%s', (_name, text) => expect(text).toMatchSnapshot());
});

describe('to main agents', () => {
  it.each(shown(TO_MAIN_AGENTS))('%s', (_name, text) => expect(text).toMatchSnapshot());
});

it('nothing that is said is missing here', () => {
  const here = [...Object.keys(TO_SUBAGENTS), ...Object.keys(TO_MAIN_AGENTS), ...READERS];
  expect(here.sort()).toEqual(Object.keys(prompts).sort());
});
