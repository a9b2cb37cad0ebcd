// A morning of a small team: twenty subagents in three repositories. One is stuck, one asks, the others work, wait for a slot, or
// have ended.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pollUntil } from '../../dist/src/demo/until.js';

const PATIENCE_MS = 300_000;
const NEVER = new AbortController().signal;

export const REPOSITORIES = ['shop', 'mailer', 'api'];
/** As many as are at work: the next ones are queued. */
export const SLOTS = 8;

const STUCK = 'soak-invoices';
const ASKS = 'changelog';
const KILLED = 'drop-left-pad';
const MENDED = `sed -i 's/Math.floor/Math.round/' src/price.js`;

/**
 * What each does, and what it says at its end.
 * @type {Record<string, { repo: string, run: string, says: string, verify?: string }>}
 */
const ENDED = {
  'round-vat': {
    repo: 'shop',
    run: `${MENDED} && git commit -qam "Round VAT to the nearest cent"`,
    says: 'withVat rounds to the nearest cent now.',
    verify: 'node --test',
  },
  'review-webhooks': {
    repo: 'api',
    run: 'git log --oneline',
    says: 'Two findings: a signature is compared with ===, a body has no limit.',
  },
  'bump-zod-shop': {
    repo: 'shop',
    run: `${MENDED} && git commit -qam "zod 4"`,
    says: 'zod 4; two schemas needed z.looseObject.',
    verify: 'node --test',
  },
  'bump-zod-api': {
    repo: 'api',
    run: 'git commit -q --allow-empty -m "zod 4"',
    says: 'zod 4, but one of our types breaks.',
    verify: 'node --test',
  },
  'typos-mailer': {
    repo: 'mailer',
    run: 'sed -i "s/Prices and carts/Carts and prices/" README.md && git commit -qam "Typos"',
    says: 'Four typos mended.',
  },
  licences: {
    repo: 'shop',
    run: 'echo MIT >LICENCES.md && git add . && git commit -qm "Licences"',
    says: 'All 212 dependencies are listed; none is copyleft.',
  },
  'dead-code': {
    repo: 'mailer',
    run: 'echo "# unused" >>README.md && git commit -qam "Remove dead code"',
    says: 'Removed; one template may be in use: see the branch.',
  },
};
/** @type {Record<string, { repo: string, run: string }>} */
const AT_WORK = {
  'fix-login': { repo: 'shop', run: 'npm run test:all' },
  'split-mailer': { repo: 'mailer', run: 'npm run build' },
  'bump-zod-mailer': { repo: 'mailer', run: 'npm run test:all' },
  'cart-expiry': { repo: 'shop', run: 'npm run test:all' },
  'paginate-orders': { repo: 'api', run: 'npm run test:all' },
  'faster-parser': { repo: 'api', run: 'npm run bench' },
};
const VERIFIES = 'currency-codes';
const QUEUED = { 'retry-webhooks': 'api', 'audit-log': 'api', 'dark-mode': 'shop' };

const bash = (command, says) => ({
  ...(says !== undefined && { text: says }),
  tools: [{ name: 'bash', arguments: { command, description: 'Run', mode: 'sync', initial_wait: 600 } }],
});
const scenario = (label, steps) => ({
  when: (conversation) => conversation.text.includes(`[subagent ${label}@`),
  steps,
});

export const scenarios = [
  ...Object.entries(ENDED).map(([label, { run, says }]) => scenario(label, [bash(run), { text: says }])),
  ...Object.entries(AT_WORK).map(([label, { run }]) => scenario(label, [bash(run)])),
  scenario(STUCK, [bash('npm run soak')]),
  scenario(KILLED, [bash('npm run build')]),
  scenario(ASKS, [
    { tools: [{ name: 'ask_parent', arguments: { question: 'Sections by release, or one list?' } }] },
  ]),
  scenario(VERIFIES, [
    bash('git commit -q --allow-empty -m "ISO 4217 codes"'),
    { text: 'Currencies are ISO 4217 codes.' },
  ]),
  { when: () => true, steps: [bash('npm run test:all')] },
];

/** Plays it, until everybody is where the picture shows them. */
export async function play({ session, repositories }) {
  const repo = (name) => repositories[REPOSITORIES.indexOf(name)];
  for (const path of repositories) await addScripts(path);
  const spawn = async (specs) => {
    for (const answer of await session.spawn(specs))
      if (answer.status !== 'accepted') throw new Error(answer.reason);
  };
  const task = 'As agreed on Monday; commit what you change.';

  await spawn(
    Object.entries(ENDED).map(([label, { repo: name, verify }]) => ({
      ...{ label, task, repo: repo(name) },
      ...(verify !== undefined && { verify: [verify] }),
    })),
  );
  await spawn([{ label: KILLED, task, repo: repo('shop') }]);
  await at(session, KILLED, ({ progress }) => progress?.tool === 'bash');
  await session.subagent(KILLED).kill();
  for (const label of Object.keys(ENDED)) await session.subagent(label).result();

  await spawn([
    { label: STUCK, task, repo: repo('api'), stuckAfter: '20s' },
    { label: ASKS, task, repo: repo('shop') },
    { label: VERIFIES, task, repo: repo('shop'), verify: ['npm run test:all'] },
    ...Object.entries(AT_WORK).map(([label, { repo: name }]) => ({ label, task, repo: repo(name) })),
  ]);
  await at(session, ASKS, ({ status }) => status === 'asking');
  await at(session, VERIFIES, ({ status }) => status === 'verifying');
  for (const label of Object.keys(AT_WORK))
    await at(session, label, ({ progress }) => progress?.tool === 'bash');
  await spawn(Object.entries(QUEUED).map(([label, name]) => ({ label, task, repo: repo(name) })));
  await at(session, STUCK, ({ stalled }) => stalled !== undefined);
}

/** Waits until the list shows `label` as `is` wants it. */
async function at(session, label, is) {
  const seen = await pollUntil(
    async () => (await session.list({ finished: 0 })).live.find((row) => row.label === label && is(row)),
    { timeoutMs: PATIENCE_MS, signal: NEVER },
  );
  if (seen === undefined) throw new Error(`${label} was never as the picture wants it`);
}

/** Scripts that take long: all but one say something meanwhile. */
async function addScripts(path) {
  const file = join(path, 'package.json');
  const content = JSON.parse(await readFile(file, 'utf8'));
  const talks = `node -e "setInterval(() => console.log('ok'), 1000)"`;
  Object.assign(content.scripts, {
    'test:all': talks,
    build: talks,
    bench: talks,
    soak: 'node -e "setInterval(() => {}, 1000)"',
  });
  await writeFile(file, JSON.stringify(content, undefined, 2));
  await promisify(execFile)('git', ['commit', '--quiet', '--all', '-m', 'Scripts'], { cwd: path });
}
