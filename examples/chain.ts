/**
 * Steps that build on each other: one plans, with a list of files as data; one subagent for each file does the work; one reviews all.
 *
 *     npx tsx chain.ts "Give every public function of src/ a doc comment." "npm test"
 */
import { Subagents, type ChainSpec } from 'durable-subagents';

const [goal, verify] = process.argv.slice(2);
if (goal === undefined || verify === undefined) throw new Error('usage: chain.ts GOAL VERIFY-COMMAND');

const chain: ChainSpec = {
  label: 'plan-and-do',
  params: { goal: { description: 'what is to be so at the end' } },
  steps: [
    {
      id: 'plan',
      permissions: 'read-only',
      task: 'Which files have to change for this: {{params.goal}} Report them by path, at most 10.',
      output: {
        type: 'object',
        properties: { files: { type: 'array', items: { type: 'string' }, maxItems: 10 } },
        required: ['files'],
      },
    },
    {
      id: 'do',
      forEach: 'plan.output.files',
      task: '{{params.goal}} Change {{item}} alone, and commit.',
      verify: [verify],
    },
    { id: 'review', needs: ['do'], permissions: 'read-only', task: 'Sum up what was done: {{do.summary}}' },
  ],
};

await using subagents = await Subagents.connect();
const session = subagents.session('chains');
const run = await session.chain(chain, { params: { goal } });
const { status, steps = [] } = await run.result();
for (const step of steps) console.log(`${step.id}: ${step.status}: ${step.summary}`);
process.exitCode = status === 'done' ? 0 : 1;
