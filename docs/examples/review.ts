import { readyMadeChain, Subagents } from 'durable-subagents';

await using subagents = await Subagents.connect();
const session = subagents.session();
await session.chain(
  await readyMadeChain('review', { base: 'main', head: 'fix-login' }, { label: 'review-login' }),
);
const { report } = await session.subagent('review-login').result();
console.log(report);
