/**
 * The same task to several subagents. The first whose work passes the verification wins, and the others are killed; the winner's
 * branch is merged into the branch that is checked out here.
 *
 *     npx tsx race.ts "The test 'logs in' fails now and then. Fix it, and commit." "npm test"
 */
import { raceChain, Subagents } from 'durable-subagents';

const [task, verify] = process.argv.slice(2);
if (task === undefined || verify === undefined) throw new Error('usage: race.ts TASK VERIFY-COMMAND');

await using subagents = await Subagents.connect();
const session = subagents.session('race');
const racers = [{ instructions: 'Look at time first.' }, { instructions: 'Look at shared state first.' }];
const race = await session.chain(raceChain({ label: 'race', task, racers }, { verify: [verify] }));

const { steps = [] } = await race.result();
const winner = steps.find((step) => step.status === 'done');
if (winner === undefined) throw new Error(`nobody won: ${steps.map((step) => step.summary).join('; ')}`);
// Where a conflict or a caveat hinders it, it throws, and nothing is changed.
const { into, how } = await session.subagent(winner.label).merge();
console.log(`${winner.label} won: merged into ${into} (${how})`);
