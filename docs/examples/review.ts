import { readyMadeChain, Subagents } from 'durable-subagents';

await using subagents = await Subagents.connect();
const session = subagents.session();
const review = await session.chain(
  await readyMadeChain('review', { base: 'main', head: 'fix-login' }, { label: 'review-login' }),
);
const { report } = await review.result();
console.log(report);
