/** Takes the lock in the folder of its argument as soon as it hears a line, says what came of it, and stays until it is killed or hears another. */
import { createInterface } from 'node:readline/promises';
import { tryLock } from '../../../src/system/lock.ts';

const [dir = ''] = process.argv.slice(2);
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
console.log('ready');
await input.next();
const answer = await tryLock(dir);
console.log('lock' in answer ? 'mine' : `held by ${answer.holder.pid} since ${answer.holder.since}`);
await input.next();
if ('lock' in answer) answer.lock.release();
process.exit(0);
