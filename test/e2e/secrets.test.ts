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
  ].map((name) => [
    name,
    `canary/${name.toLowerCase()}+${createHash('sha256').update(name).digest('hex').slice(0, 12)}`,
  ]),
);
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
        bash(`echo ${all}; echo ${all} | base64 -w0; sleep 3 # ${all}`),
        { tools: [{ name: 'ask_parent', arguments: { question: `Is it ${all}?`, choices: values } }] },
        bash(
          `mkdir -p "${values.at(-1)}" && touch "${values.at(-1)}/x" && git add . && git commit -qm "${values.at(-1)}"`,
        ),
        { text: `They are ${all}, ${encodeURIComponent(all)} and ${Buffer.from(all).toString('base64')}.` },
      ]),
      on('named', [
        bash(
          'printf %s "$MY_SERVICE_PASSWORD" | sha256sum; echo "other:$MY_OTHER_SECRET:"; echo "it is $MY_SERVICE_PASSWORD"',
        ),
        { text: 'Printed.' },
      ]),
    ],
    { env: { ...CANARIES } },
  );
  await writeFile(join(dirname(fleet.home), 'secrets.txt'), `${values.join('\n')}\n`);
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
  const forms = values.flatMap((value) => [
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
      'env; cat "$HOME/secrets.txt"; base64 -w0 "$HOME/secrets.txt"; echo "${MY_OTHER_SECRET:-none}"';
    const at = { cwd: fleet.repository.path };
    await session.spawn({ label: 'dump', task: 'dump', verify: [printing] }, at);
    await session.spawn({ label: 'parrot', task: 'parrot', verify: [`${printing}; exit 3`] }, at);
    await session.spawn(
      {
        label: 'named',
        task: 'named',
        env: ['MY_SERVICE_PASSWORD', 'NOBODY_HAS_IT'],
        verify: ['printf %s "$MY_SERVICE_PASSWORD" | sha256sum'],
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
    expect(dumpFile).not.toMatch(/TOKEN=|PASSWORD=|SECRET=|API_KEY=|TEMPORAL_/);

    const named = await session.subagent('named').result();
    const password = CANARIES['MY_SERVICE_PASSWORD'] ?? '';
    expect(named.verifications[0]?.outputTail).toContain(hash(password));
    expect(named.notes).toContain('the worker has no variable NOBODY_HAS_IT');
    const said = (await transcriptOf('named')).map(({ text }) => text).join('\n');
    expect(said).toContain(hash(password));
    expect(said).toContain('other::');
    expect(said).toContain('it is [redacted MY_SERVICE_PASSWORD]');

    const parroted = await parrot.result();
    expect(parroted).toMatchObject({ status: 'failed', failure: { class: 'verification' } });
    expect(parroted.report).toContain('[redacted GITHUB_TOKEN]');
    expect(parroted.evidence?.commits[0]?.subject).toBe('[redacted MY_OTHER_SECRET]');
    await transcriptOf('parrot');
    await transcriptOf('dump');

    // What a subagent wrote into its own worktree is its work, and stays there.
    const { cwd = '' } = parroted.evidence ?? {};
    const found = leaks(dirname(fleet.home)).filter((line) => !line.startsWith(cwd));
    expect(found).toEqual([]);
  },
);
