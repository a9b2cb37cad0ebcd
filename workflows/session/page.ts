/**
 * Keeps announcements, which are its input (`PageInput`), until every receiver has acknowledged them, however long that
 * takes.
 */
import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import { PAGE } from '../../src/contract/index.ts';

const release = defineSignal(PAGE.release);

export async function page(): Promise<void> {
  let released = false;
  setHandler(release, () => void (released = true));
  await condition(() => released);
}
