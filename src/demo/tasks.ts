/** The tasks that the demo's main agent delegates, written so that a real model and the scripted one can do them. */
import type { SpawnSpec } from '../client/index.ts';
import { STEERED_SENTENCE } from './project-files.ts';

export const FIX = 'fix-rounding';
export const DOCS = 'update-docs';
export const WRONG = 'rewrite-everything';

/** The first command of update-docs, which takes some seconds, so that it can be steered meanwhile. */
export const CHECK_SLOWLY = 'node scripts/check-readme.js 3000';
export const MODERNISE = 'sh scripts/modernise.sh';

/** The message that update-docs gets while its command runs. */
export const STEER = `One more thing: put "${STEERED_SENTENCE}" right under the title of the README, as a commit of its own.`;

const ALONE = 'Nobody is there to answer questions: decide yourself.';

/** The specs of the three subagents, for the repository at `repo`. */
export const tasks = (repo: string): SpawnSpec[] => [
  {
    label: FIX,
    repo,
    verify: ['node --test'],
    task: `A test of this project fails: run \`node --test\` to see it (it takes some seconds). Find the bug in src/, fix it
there without touching the tests, run \`node --test\` again until everything passes, and commit the fix. ${ALONE}`,
  },
  {
    label: DOCS,
    repo,
    verify: ['node scripts/check-readme.js'],
    task: `The README says nothing about carts that expire. First run \`${CHECK_SLOWLY}\` in the foreground (it takes some
seconds) to see that its examples are right. Then read src/cart.js, add a short section "Carts that expire" at the end of
README.md, and commit. Change nothing else. ${ALONE}`,
  },
  {
    label: WRONG,
    repo,
    task: `Modernise the whole code base: run \`${MODERNISE}\` in the foreground, and wait until it is through, however long it
takes. ${ALONE}`,
  },
];
