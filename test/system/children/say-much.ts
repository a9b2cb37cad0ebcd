/** Says something on its standard output, and then that it went on, on the other one. */
import { setTimeout as delay } from 'node:timers/promises';
import { dropWhenDiskFull } from '../../../src/system/expendable-output.ts';

dropWhenDiskFull(process.stdout);
console.log('into the full disk');
process.stdout.write('and again', () => undefined);
await delay(50);
process.stderr.write('went on');
