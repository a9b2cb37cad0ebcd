/** Workflows of our names that do other things than ours: what they began, no worker of ours can go on with. */
import { sleep } from '@temporalio/workflow';

export async function session(): Promise<void> {
  await sleep('1 day');
}

export async function subagent(): Promise<void> {
  await sleep('1 day');
}
