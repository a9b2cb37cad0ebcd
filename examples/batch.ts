/**
 * The same task in several repositories, side by side.
 *
 *     npx tsx batch.ts "Update zod to version 4, fix what breaks, and commit." "npm test" ../shop ../mailer
 */
import { batchChain, Subagents } from 'durable-subagents';

const [task, verify, ...repos] = process.argv.slice(2);
if (task === undefined || verify === undefined || repos.length === 0)
  throw new Error('usage: batch.ts TASK VERIFY-COMMAND REPOSITORY...');

await using subagents = await Subagents.connect();
const session = subagents.session('batch');
const batch = await session.chain(batchChain({ label: 'batch', task, repos }, { verify: [verify] }));

// It may take hours: this program may end, and another one may ask for the result.
const { status, steps = [] } = await batch.result();
for (const step of steps) console.log(`${step.id}: ${step.status}, branch ${step.branch}: ${step.summary}`);
process.exitCode = status === 'done' ? 0 : 1;
