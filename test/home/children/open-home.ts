/** Opens the home of its argument as soon as it hears a line, and says who it is. */
import { once } from 'node:events';
import { openHome } from '../../../src/home/home.ts';

const [root = ''] = process.argv.slice(2);
console.log('ready');
await once(process.stdin, 'data');
console.log((await openHome(root)).workerId);
process.exit(0);
