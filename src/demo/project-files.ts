/** The throw-away project of the demo: a small shop in plain Node, with a real bug and an incomplete README. */

/** The sentence that update-docs is steered to add, and that the README must have at the end. */
export const STEERED_SENTENCE = 'All amounts are in cents.';

/** Contents by path. No dependencies: `node --test` runs its tests wherever Node is installed. */
export const PROJECT_FILES: Readonly<Record<string, string>> = {
  'package.json': `{
  "name": "corner-shop",
  "version": "1.0.0",
  "private": true,
  "type": "module",
  "scripts": { "test": "node --test" }
}
`,

  'README.md': `# Corner shop

Prices and carts for a small shop.

## Prices

\`\`\`js
import { withVat } from './src/price.js';
console.log(withVat(1000, 19)); // 1190
\`\`\`

## Carts

\`\`\`js
import { Cart } from './src/cart.js';
const cart = new Cart();
cart.add('tea', 450, 2);
console.log(cart.total(7)); // 963
\`\`\`
`,

  'src/price.js': `/** A price with its VAT, rounded to the nearest cent. */
export function withVat(cents, percent) {
  return Math.floor((cents * (100 + percent)) / 100);
}

/** 1999 as "19.99". */
export function format(cents) {
  return (cents / 100).toFixed(2);
}
`,

  'src/cart.js': `import { withVat } from './price.js';

/** What a customer is about to buy. A cart that nobody touches for a while expires. */
export class Cart {
  #lines = [];
  #expired = false;
  #timer;
  #expiresAfterMs;

  constructor({ expiresAfterMs = 30 * 60 * 1000 } = {}) {
    this.#expiresAfterMs = expiresAfterMs;
    this.#touch();
  }

  get expired() {
    return this.#expired;
  }

  add(name, cents, count = 1) {
    if (this.#expired) throw new Error('this cart has expired');
    this.#lines.push({ name, cents, count });
    this.#touch();
  }

  total(vatPercent) {
    return this.#lines.reduce((sum, { cents, count }) => sum + withVat(cents * count, vatPercent), 0);
  }

  #touch() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#expired = true), this.#expiresAfterMs);
    this.#timer.unref();
  }
}
`,

  'test/price.test.js': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, withVat } from '../src/price.js';

test('adds VAT to a price', () => assert.equal(withVat(1000, 19), 1190));
test('rounds to the nearest cent', () => assert.equal(withVat(1999, 19), 2379)); // 2378.81
test('shows cents as people read them', () => assert.equal(format(1999), '19.99'));
`,

  'test/cart.test.js': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Cart } from '../src/cart.js';

test('adds up with VAT', () => {
  const cart = new Cart();
  cart.add('tea', 450, 2);
  cart.add('cake', 300);
  assert.equal(cart.total(7), 963 + 321);
});

test('expires when nobody touches it for three seconds', async () => {
  const cart = new Cart({ expiresAfterMs: 3000 });
  await wait(2900);
  assert.equal(cart.expired, false);
  await wait(200);
  assert.equal(cart.expired, true);
  assert.throws(() => cart.add('tea', 450), /expired/);
});
`,

  'scripts/check-readme.js': `// Runs every example of the README and compares what it prints with its comments.
// Usage: node scripts/check-readme.js [milliseconds to wait before each, as for examples that need a slow server]
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const examples = readFileSync('README.md', 'utf8').match(/(?<=^\`\`\`js\\n)[^\`]*(?=^\`\`\`)/gm);
for (const [index, example] of examples.entries()) {
  await wait(Number(process.argv[2] ?? 0));
  const expected = [...example.matchAll(/\\/\\/ (.*)/g)].map(([, value]) => value).join('\\n');
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', example], {
    encoding: 'utf8',
    env: { ...process.env, FORCE_COLOR: '0' },
  });
  const good = printed.trim() === expected;
  console.log(\`example \${index + 1} of \${examples.length}: \${good ? 'ok' : \`prints \${printed}\`}\`);
  if (!good) process.exitCode = 1;
}
`,

  'scripts/modernise.sh': `#!/bin/sh
# Rewrites every source file, again and again, from several background processes that do not want to be stopped.
# It gives up after four minutes, or when its folder is gone.
here=$(pwd)
nohup sh "$here/scripts/modernise-loop.sh" src >/dev/null 2>&1 &
nohup sh "$here/scripts/modernise-loop.sh" test >/dev/null 2>&1 &
if command -v setsid >/dev/null; then setsid nohup sh "$here/scripts/modernise-loop.sh" src >/dev/null 2>&1 & fi
sh "$here/scripts/modernise-loop.sh" test
`,

  'scripts/modernise-loop.sh': `#!/bin/sh
trap '' TERM
turn=0
while [ -f scripts/modernise-loop.sh ] && [ $turn -lt 480 ]; do
  turn=$((turn + 1))
  for file in "$1"/*.js; do echo "// modernised, pass $turn" >>"$file"; done
  sleep 0.5
done
`,
};
