/**
 * Gets the program into the cache folder of its first argument by copying that of its second, as slowly as it is told:
 * the copy begins when a line is heard. Says each step.
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { obtainOnce } from '../../../src/temporal/binary.ts';
import type { BinarySource } from '../../../src/temporal/binary-sources.ts';

const [cache = '', original = ''] = process.argv.slice(2);
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const copy: BinarySource = {
  name: 'copy',
  remedy: 'none',
  async get({ folder }) {
    console.log('getting');
    await input.next();
    const path = join(folder, 'temporal');
    await copyFile(original, path);
    return path;
  },
};
const { path, source } = await obtainOnce(cache, [copy], {
  env: process.env,
  onProgress: (line) => console.log(`progress: ${line}`),
});
console.log(`have ${path} from ${source}`);
process.exit(0);
