import { Subagents } from 'durable-subagents';

await using subagents = await Subagents.connect();
const subagent = await subagents.find('fix-login');

const { status, doing, since, usage } = await subagent.describe();
console.log(`${status} since ${since}: ${doing}, ${usage?.outputTokens ?? 0} tokens`);

const receipt = await subagent.steer('Leave the session cookie alone.');
console.log(`${receipt.delivery}, while it was running: ${receipt.during}`);

for await (const { kind, text } of subagent.transcript()) console.log(kind, text);

const { sweep } = await subagent.kill();
console.log(`${sweep?.found} processes found, ${sweep?.left.length} left (${sweep?.proof})`);
