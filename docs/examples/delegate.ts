import { Subagents } from 'durable-subagents';

await using subagents = await Subagents.connect();
const session = subagents.session();

const fix = await session.spawn({
  label: 'fix-login',
  task: 'The test "logs in" fails. Find out why, fix it in src/, and commit.',
  verify: ['npm test'],
});
console.log(fix.workflowId, ...fix.notes);

const outcome = await fix.result();
console.log(outcome.status, outcome.summary);
console.log(outcome.evidence?.branch, outcome.evidence?.commits);
