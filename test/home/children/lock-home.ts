/** Takes the home of its first argument in the role of its second, says so, and stays until it is killed. */
import { openHome } from '../../../src/home/home.ts';
import { lockHome } from '../../../src/home/lock.ts';

const [root = '', role = ''] = process.argv.slice(2);
await lockHome(await openHome(root), role === 'up' ? 'up' : 'worker');
console.log('mine');
setInterval(() => undefined, 60_000);
