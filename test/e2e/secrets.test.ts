/** A worker whose every secret variable holds a canary, and subagents that do what they can to spread them. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Subagents, TranscriptEntry } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';

const CANARIES = Object.fromEntries(
  [
    'TEMPORAL_API_KEY',
    'TEMPORAL_CODEC_AUTH',
    'COPILOT_PROVIDER_API_KEY',
    'COPILOT_GITHUB_TOKEN',
    'GITHUB_TOKEN',
    'GH_TOKEN',
    'OPENAI_API_KEY',
    'AWS_SECRET_ACCESS_KEY',
    'MY_SERVICE_PASSWORD',
    'MY_OTHER_SECRET',
    'DB_PASS',
    'STRIPE_KEY',
    'SLACK_WEBHOOK_URL',
    'SUITE_KEY',
  ].map((name) => [
    name,
    `canary/${name.toLowerCase()}+${createHash('sha256').update(name).digest('hex').slice(0, 12)}`,
  ]),
);
/** Shaped like secrets, whatever they are called. */
const PASSWORD = 'canary/p%40ss-of-database';
const DATABASE = `postgres://me:${PASSWORD}@db/x`;
const values = Object.values(CANARIES);
const all = values.join(' ');
const hash = (text: string) => createHash('sha256').update(text).digest('hex');

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  const dump =
    'env; printenv; export -p; cat /proc/self/environ; cat /proc/$$/environ; bash -c env; (setsid env)';
  fleet = await startFleet(
    [
      on('dump', [bash(dump), bash(`${dump} > dump.txt; wc -c dump.txt`), { text: 'Nothing there.' }]),
      on('parrot', [
        bash(
          `echo ${all}; echo ${all} | base64 -w0; echo ${all} | base64; echo ${DATABASE} ${decodeURIComponent(PASSWORD)}; sleep 3 # ${all}`,
        ),
        { tools: [{ name: 'ask_parent', arguments: { question: `Is it ${all}?`, choices: values } }] },
        bash(
          `mkdir -p "${values.at(-1)}" && touch "${values.at(-1)}/x" && git add . && git commit -qm "${values.at(-1)}"`,
        ),
        { text: `They are ${all}, ${encodeURIComponent(all)} and ${Buffer.from(all).toString('base64')}.` },
      ]),
      on('named', [
        bash(
          'printf %s "$MY_SERVICE_PASSWORD" | sha256sum; echo "other:$MY_OTHER_SECRET:"; echo "suite:$(printf %s "$SUITE_KEY" | sha256sum)"; echo "it is $MY_SERVICE_PASSWORD"',
        ),
        { text: 'Printed.' },
      ]),
    ],
    { env: { ...CANARIES, DATABASE, SUBAGENTS_ENV: 'SUITE_KEY, ABSENT' } },
  );
  await writeFile(join(dirname(fleet.home), 'secrets.txt'), `${[...values, DATABASE].join('\n')}\n`);
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const transcriptOf = async (label: string): Promise<TranscriptEntry[]> => {
  const entries: TranscriptEntry[] = [];
  for await (const entry of subagents.session('s').subagent(label).transcript()) entries.push(entry);
  return entries;
};

/** Files below `folder` that hold a canary in any form, with what they hold. */
function leaks(folder: string): string[] {
  const forms = [...values, PASSWORD, decodeURIComponent(PASSWORD)].flatMap((value) => [
    value,
    encodeURIComponent(value),
    // Without what depends on the bytes around it.
    Buffer.from(value).toString('base64').slice(0, 24),
  ]);
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    if (path.includes('canary/')) return [`${path} (by its name)`];
    if (!entry.isFile() || entry.name === 'secrets.txt') return [];
    const content = readFileSync(path, 'latin1');
    const found = forms.filter((form) => content.includes(form));
    return found.length === 0 ? [] : [`${path}: ${found.join(' ')}`];
  });
}

it(
  'no canary is in the database, the home or a log, whatever subagents do',
  { timeout: 240_000 },
  async () => {
    const session = subagents.session('s');
    const printing =
      'env; cat "$HOME/secrets.txt"; base64 -w0 "$HOME/secrets.txt"; base64 "$HOME/secrets.txt"; echo "${MY_OTHER_SECRET:-none}${DATABASE:-none}"';
    const at = { cwd: fleet.repository.path };
    const dump = await session.spawn({ label: 'dump', task: 'dump', verify: [printing] }, at);
    const withheld = dump.notes.find((note) => note.startsWith('withheld from its shells'));
    expect(withheld).toContain('DATABASE, DB_PASS, ');
    expect(withheld).not.toMatch(/SUITE_KEY|TEMPORAL/);
    await expect(
      session.spawn({ label: 'riddle', task: 'named', env: ['NOBODY_HAS_IT', 'DB_PASS'] }, at),
    ).rejects.toMatchObject({
      code: 'NO_VARIABLE',
      message: expect.stringContaining('NOBODY_HAS_IT') as string,
    });
    await session.spawn({ label: 'parrot', task: 'parrot', verify: [`${printing}; exit 3`] }, at);
    await session.spawn(
      {
        label: 'named',
        task: 'named',
        env: ['MY_SERVICE_PASSWORD'],
        verify: ['printf %s "$MY_SERVICE_PASSWORD$SUITE_KEY" | sha256sum'],
      },
      at,
    );
    const parrot = session.subagent('parrot');
    const [question] = await eventually(async () => {
      const { questions } = await parrot.describe();
      return questions.length > 0 && questions;
    });
    expect(question?.question).toBe(
      `Is it ${Object.keys(CANARIES)
        .map((name) => `[redacted ${name}]`)
        .join(' ')}?`,
    );
    await parrot.answer('Yes.');

    const dumped = await session.subagent('dump').result();
    expect(dumped.status).toBe('done');
    // It has the rest of its environment, and its HOME.
    expect(dumped.verifications[0]?.outputTail).toContain('[redacted MY_OTHER_SECRET]');
    const dumpFile = readFileSync(join(dumped.evidence?.cwd ?? '', 'dump.txt'), 'latin1');
    expect(dumpFile).toContain(`HOME=${dirname(fleet.home)}`);
    expect(dumpFile).not.toMatch(
      /TOKEN=|PASSWORD=|SECRET=|API_KEY=|TEMPORAL_|DB_PASS=|STRIPE|SLACK|DATABASE=/,
    );

    const named = await session.subagent('named').result();
    const password = CANARIES['MY_SERVICE_PASSWORD'] ?? '';
    expect(named.verifications[0]?.outputTail).toContain(hash(password + (CANARIES['SUITE_KEY'] ?? '')));
    const said = (await transcriptOf('named')).map(({ text }) => text).join('\n');
    expect(said).toContain(hash(password));
    expect(said).toContain(`suite:${hash(CANARIES['SUITE_KEY'] ?? '')}`);
    expect(said).toContain('other::');
    expect(said).toContain('it is [redacted MY_SERVICE_PASSWORD]');

    const parroted = await parrot.result();
    expect(parroted).toMatchObject({ status: 'failed', failure: { class: 'verification' } });
    expect(parroted.report).toContain('[redacted GITHUB_TOKEN]');
    expect(parroted.evidence?.commits[0]?.subject).toBe('[redacted SUITE_KEY]');
    await transcriptOf('parrot');
    await transcriptOf('dump');

    // What a subagent wrote into its own worktree is its work, and stays there.
    const { cwd = '' } = parroted.evidence ?? {};
    const given = `${join(dumped.evidence?.cwd ?? '', 'dump.txt')}: ${CANARIES['SUITE_KEY']}`;
    const found = leaks(dirname(fleet.home)).filter((line) => !line.startsWith(cwd) && line !== given);
    expect(found).toEqual([]);
  },
);
