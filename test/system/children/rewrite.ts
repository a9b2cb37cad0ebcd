/** Rewrites the file of its argument, each time with another letter, until it is killed. */
import { setImmediate } from 'node:timers/promises';
import { writePrivateFile } from '../../../src/system/files.ts';

const [path = ''] = process.argv.slice(2);
for (let round = 0; ; round++) {
  writePrivateFile(path, (round % 2 === 0 ? 'a' : 'b').repeat(100_000));
  if (round === 0) console.log('writing');
  await setImmediate();
}
