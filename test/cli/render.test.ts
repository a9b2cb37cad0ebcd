import stringWidth from 'string-width';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { fleetText } from '../../src/cli/render/fleet.ts';
import { tokensText } from '../../src/cli/render/numbers.ts';
import { sweepLines } from '../../src/cli/render/outcome.ts';
import { age, durationText } from '../../src/cli/render/time.ts';
import { transcriptEntryText } from '../../src/cli/render/transcript.ts';
import { workersText } from '../../src/cli/render/workers.ts';
import type { FleetList, SubagentRow, WorkerInfo } from '../../src/client/index.ts';
import { CONTRACT_VERSION } from '../../src/contract/index.ts';

const plainColors = pc.createColors(false);
const colors = pc.createColors(true);
const NOW = Date.parse('2026-01-01T12:00:00Z');

const row = (label: string, more: Partial<SubagentRow> = {}): SubagentRow => ({
  session: 'default',
  label,
  run: 1,
  workflowId: `subagent/default/${label}`,
  runId: label,
  status: 'working',
  task: 'do it',
  repo: '/repo',
  startedAt: '2026-01-01T11:50:00Z',
  ...more,
});
const fleet = (
  live: SubagentRow[],
  finished: SubagentRow[] = [],
  more: Partial<FleetList> = {},
): FleetList => ({
  server: { address: '127.0.0.1:7233', namespace: 'default', origin: 'a test' },
  sessions: [
    {
      session: 'default',
      server: { address: '127.0.0.1:7233', namespace: 'default', origin: 'a test' },
      live,
      finished,
      finishedCount: finished.length,
      unacknowledged: 0,
      workerless: false,
      notes: [],
    },
  ],
  workerless: false,
  notes: [],
  ...more,
});
const text = (list: FleetList, width = Number.POSITIVE_INFINITY, palette = plainColors): string =>
  fleetText(list, { session: 'default', width, colors: palette, now: NOW });

describe('the list', () => {
  const progress = {
    doing: 'bash: npm test',
    since: '2026-01-01T11:58:00Z',
    lastEventAt: '2026-01-01T11:59:56Z',
    model: 'gpt-x',
    usage: { inputTokens: 12_000, outputTokens: 345, cachedTokens: 0, modelRequests: 1, toolCalls: 1 },
  };

  it('shows live ones first, then the newest finished', () => {
    const startedAt = '2026-01-01T09:30:00Z';
    const old = row('old', {
      status: 'done',
      startedAt,
      endedAt: '2026-01-01T10:00:00Z',
      summary: 'long ago',
    });
    const fresh = row('fresh', {
      status: 'failed',
      startedAt,
      endedAt: '2026-01-01T11:00:00Z',
      summary: 'tests fail',
      tokens: 45_678,
    });
    const lines = text(fleet([row('live', { progress })], [old, fresh])).split('\n');
    expect(lines[0]).toContain('127.0.0.1:7233, namespace default');
    expect(lines.slice(2).map((line) => line.split(/ {2,}/).join('|'))).toEqual([
      'TARGET|STATUS|DOING|SINCE|TOOK|LAST EVENT|MODEL|TOKENS',
      'live|working|bash: npm test|2m|4s|gpt-x|12.3k',
      'fresh|failed|tests fail|1h|1h 30m|45.7k',
      'old|done|long ago|2h|30m 00s',
    ]);
  });

  it('shows those that ask before those at work, and the queued last', () => {
    const at = (minute: number) => `2026-01-01T11:0${minute}:00Z`;
    const lines = text(
      fleet([
        row('first', { status: 'queued', startedAt: at(0) }),
        row('second', { status: 'working', startedAt: at(1) }),
        row('third', { status: 'verifying', startedAt: at(2) }),
        row('fourth', { status: 'asking', startedAt: at(3) }),
      ]),
    ).split('\n');
    expect(lines.slice(3).map((line) => line.split(' ')[0])).toEqual(['fourth', 'second', 'third', 'first']);
  });

  it('gives one long label a third of a narrow terminal, and cuts no note', () => {
    const note = Array.from({ length: 30 }, (_, n) => `word${n}`).join(' ');
    const shown = text(
      fleet([row('x'.repeat(63), { progress }), row('b', { progress })], [], { notes: [note] }),
      80,
    );
    const lines = shown.split('\n');
    expect(lines[4]).toContain('bash: npm test');
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(80);
    expect(lines.slice(6).join(' ')).toBe(`! ${note}`);
  });

  it('cuts a long name in its middle: its end tells it from the next', () => {
    const session = 'night-shift-with-a-rather-long-name';
    const rows = [
      row('queued-1', { session, status: 'queued' }),
      row('queued-2', { session, status: 'queued' }),
    ];
    const lines = text(fleet(rows), 80).split('\n');
    expect(lines[3]).toMatch(/^night-.*…\S+\/queued-1 /);
    expect(lines[4]).toMatch(/^night-.*…\S+\/queued-2 /);
  });

  it('tells since when each is in its state, and whose worker is away', () => {
    const away = { workerId: 'w-a', since: '2026-01-01T11:59:30Z' };
    const lines = text(
      fleet([
        row('away', { progress, since: progress.since, away }),
        row('asks', { status: 'asking', since: '2026-01-01T11:57:00Z' }),
        row('fails', { failing: true, stalled: { reason: 'workflow', since: '2026-01-01T11:58:00Z' } }),
        row('silent', {
          progress,
          stalled: {
            reason: 'silent',
            since: '2026-01-01T11:40:00Z',
            detail: 'no activity; was doing: x',
          },
        }),
        row('tries', {
          stalled: {
            reason: 'model',
            since: '2026-01-01T11:50:00Z',
            detail: 'next attempt at 12:00:10 UTC: 503',
          },
        }),
      ]),
    ).split('\n');
    expect(lines.slice(3).map((line) => line.split(/ {2,}/).slice(0, 4).join('|'))).toEqual([
      'away|worker away|was working: bash: npm test|30s',
      'asks|asking|waits for an answer or an approval|3m',
      'fails|failing|its workflow task fails at every attempt: see the log of its worker|2m',
      'silent|stuck|no activity; was doing: x|20m',
      'tries|failing|next attempt at 12:00:10 UTC: 503|10m',
    ]);
  });

  it.each([200, 120, 100, 80, 60, 40])('fits a terminal of %i columns, in colour too', (width) => {
    const long = row('a-label-of-sixty-three-characters-'.padEnd(63, 'x'), {
      progress: { ...progress, doing: 'wide 漢字 and 🙂 '.repeat(20) },
    });
    for (const line of text(fleet([long, row('b')]), width, colors).split('\n')) {
      expect(stringWidth(line)).toBeLessThanOrEqual(width);
    }
  });

  it('is never wider than the terminal, whatever is written in it and however narrow it is', () => {
    const odd = '漢字👨‍👩‍👧🇩🇪e\u0301✅⚠️한1️⃣👍🏽a✅字1️⃣b';
    const rows = ['short', `${odd}-${odd}`, 'x'.repeat(60)].map((label) =>
      row(label, { task: `${odd} ${odd} ${odd}`, progress: { ...progress, doing: odd.repeat(4) } }),
    );
    const server = { address: '127.0.0.1:7233', namespace: 'default', origin: odd.repeat(9) };
    const noted = fleet(rows, [], { server, notes: [`${odd} ${odd}`] });
    for (const palette of [plainColors, colors]) {
      for (let width = 1; width < 130; width++) {
        for (const each of [noted, { ...noted, sessions: [] }]) {
          const lines = text(each, width, palette).split('\n');
          // One character may be two columns wide.
          expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(Math.max(2, width));
        }
      }
    }
  });

  it('says of one that is done what else is to know of it', () => {
    const done = row('fix', { status: 'done', summary: 'Fixed.', caveats: ['unfinished', 'stash'] });
    const told = row('docs', { status: 'done', summary: 'Written.', caveats: ['stash'] });
    const lines = text(fleet([], [done, told]))
      .split('\n')
      .slice(3);
    expect(lines.map((line) => line.split(/ {2,}/).slice(1, 3).join('|'))).toEqual([
      'done, but|[but: a merge or rebase was left unfinished; it left work in the git stash] Fixed.',
      'done|[but: it left work in the git stash] Written.',
    ]);
  });

  it('names another session, an earlier run, and says what is hidden', () => {
    const list = fleet(
      [row('a', { session: 'night', run: 2 })],
      [row('a', { session: 'night', status: 'done', summary: 's' })],
    );
    const shown = text({
      ...list,
      sessions: list.sessions.map((each) => ({ ...each, finishedCount: 8 })),
      notes: ['no worker polls'],
    });
    expect(shown).toContain('night/a ');
    expect(shown).toContain('night/a@1');
    expect(shown).toContain('and 7 that finished earlier');
    expect(shown).toContain('! no worker polls');
  });

  it('says how to begin when there is nothing', () => {
    expect(text(fleet([]))).toContain('subagents spawn');
  });
});

describe('words of a model', () => {
  const evil = 'fine\u001B]52;c;aGFjaw==\u0007 \u001B[2Jcleared\u202Egnp.exe\rover\u009B31m';

  it('never reach the terminal as more than words', () => {
    for (const kind of [
      'task',
      'steer',
      'message',
      'reasoning',
      'tool',
      'tool-result',
      'warning',
      'error',
      'turn-end',
    ] as const) {
      const shown = transcriptEntryText(
        { at: '2026-01-01T11:00:00Z', kind, text: evil, tool: evil, ok: false },
        plainColors,
      );
      // eslint-disable-next-line no-control-regex
      expect(shown).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/);
      expect(shown).toContain('fine');
    }
    const list = text(
      fleet([row('a', { task: evil })], [row('b', { status: 'done', summary: evil, model: evil })]),
    );
    // eslint-disable-next-line no-control-regex
    expect(list).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/);
  });
});

describe('a transcript', () => {
  const at = new Date(2026, 0, 1, 9, 5, 7).toISOString();

  it('shows a tool once by name, and its result with exit code and duration', () => {
    const tool = transcriptEntryText({ at, kind: 'tool', tool: 'bash', text: 'bash: npm test' }, plainColors);
    expect(tool).toBe('09:05:07  ▸ bash npm test');
    const result = transcriptEntryText(
      { at, kind: 'tool-result', tool: 'bash', text: 'one\ntwo', exitCode: 1, ok: false, durationMs: 6_240 },
      plainColors,
    );
    expect(result.split('\n')).toEqual(['09:05:07  ✗ exit 1, 6.2s', '          │ one', '          │ two']);
  });

  it('shows the end of a long output, and how much came before', () => {
    const output = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`).join('\n');
    const lines = transcriptEntryText({ at, kind: 'tool-result', text: output, ok: true }, plainColors).split(
      '\n',
    );
    expect(lines[1]).toContain('12 earlier lines');
    expect(lines.at(-1)).toContain('line 20');
  });

  it('says that a command went on in the background, and not what Copilot tells the model then', () => {
    const text =
      '<command with shellId: 1 moved to background by the user. Wait for the user’s next instruction.>';
    const shown = transcriptEntryText(
      { at, kind: 'tool-result', text, ok: true, durationMs: 1_100 },
      plainColors,
    );
    expect(shown).toBe('09:05:07  … continues in the background after 1.1s');
  });
});

describe('figures', () => {
  it.each([
    [340, '340ms'],
    [6_240, '6.2s'],
    [59_000, '59s'],
    [125_000, '2m 05s'],
    [12_000_000, '3h 20m'],
    [360_000_000, '4d 4h'],
  ])('%i ms is %s', (millis, words) => {
    expect(durationText(millis)).toBe(words);
  });

  it('tokens and ages are short', () => {
    expect([840, 12_400, 340_000, 1_300_000].map(tokensText)).toEqual(['840', '12.4k', '340k', '1.3M']);
    expect(age('2026-01-01T11:59:50Z', NOW)).toBe('10s');
    expect(age(undefined, NOW)).toBe('');
  });

  it('the proof of death says what was found, what is left, and what was not looked at', () => {
    const sweep = {
      found: 2,
      ended: 1,
      left: [{ pid: 7, command: 'sleep 9' }],
      proof: 'proven' as const,
      notChecked: ['containers', 'units'],
      commands: ['sleep 9'],
      durationMs: 326,
    };
    const lines = sweepLines(sweep).join('\n');
    expect(lines).toContain('2 processes found, 1 ended, 1 LEFT');
    expect(lines).toContain('left: 7 sleep 9');
    expect(lines).toContain('not checked: containers; units');
    expect(sweepLines({ ...sweep, found: 0, ended: 0, left: [], proof: 'unproven' })[0]).toContain(
      'unproven',
    );
  });
});

describe('the workers', () => {
  const worker = (more: Partial<WorkerInfo> = {}): WorkerInfo => ({
    workerId: 'w-abcd2345',
    host: 'build-machine-17.example.internal',
    user: 'dev',
    pools: ['default', 'gpu'],
    state: 'running',
    slots: { inUse: 3, total: 8 },
    versions: { product: '1.2.3', contract: CONTRACT_VERSION, copilot: '1.0.102' },
    since: '2026-01-01T09:00:00.000Z',
    access: 'GitHub Copilot, logged in as dev',
    sandbox: 'required',
    home: '/home/dev/.subagents',
    freeBytes: 20 * 2 ** 30,
    presence: 'here',
    lastSeen: '2026-01-01T11:59:30.000Z',
    ...more,
  });
  const shown = (workers: WorkerInfo[], width: number, palette = plainColors): string =>
    workersText(
      { server: { address: '127.0.0.1:7233', namespace: 'default', origin: 'a test' }, workers },
      { width, colors: palette, now: NOW },
    );

  it.each([40, 79, 100, 160])('fit into %i columns', (width) => {
    const all = [worker(), worker({ presence: 'away' }), { workerId: 'w-2', presence: 'here', versions: {} }];
    const lines = shown(all as WorkerInfo[], width, colors).split('\n');
    expect(lines.every((line) => stringWidth(line) <= width)).toBe(true);
    expect(lines.join('\n')).toContain('3/8');
  });

  it('say how they are', () => {
    const rows = shown(
      [
        worker(),
        worker({ state: 'draining' }),
        worker({ presence: 'away', lastSeen: '2026-01-01T11:58:00.000Z' }),
        worker({ presence: 'away', lastSeen: undefined }),
      ],
      Number.POSITIVE_INFINITY,
    ).split('\n');
    expect(rows[3]).toMatch(/ now +3\/8 +default, gpu +20.0 GiB +3h +1.2.3, Copilot 1.0.102 +GitHub/);
    expect(rows[4]).toContain('  draining  ');
    expect(rows[5]).toMatch(/ away 2m +-\/8/);
    expect(rows[6]).toMatch(/ away +-\/8/);
  });
});
