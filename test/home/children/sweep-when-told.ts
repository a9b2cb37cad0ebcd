/** Sweeps the Copilot session of its argument as soon as it hears a line, and prints the report. */
import { once } from 'node:events';
import { sweep } from '../../../src/home/sweep.ts';

const [id = ''] = process.argv.slice(2);
console.log('ready');
await once(process.stdin, 'data');
const report = sweep(id);
console.log('begun');
console.log(`report ${JSON.stringify(await report)}`);
process.exit(0);
