/** Has a scratch folder until it is killed, and says where. */
import { withScratch } from '../../../src/system/scratch-folder.ts';

await withScratch(async (folder) => {
  console.log(`has ${folder}`);
  await new Promise((resolve) => setTimeout(resolve, 600_000));
});
