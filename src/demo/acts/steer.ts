import { DELIVERIES } from '../../contract/protocol/messages.ts';
import { countText, elapsedText } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import { DOCS, STEER } from '../tasks.ts';
import { runningCommand, skip } from './scene.ts';

/** Steers update-docs while its shell command runs, and shows the receipt. */
export async function steerDocs(stage: Stage): Promise<void> {
  const { narrator, session } = stage;
  const row = await runningCommand(stage, DOCS);
  if (row === undefined) return skip(stage, 'the steer', `${DOCS} was not seen to run a shell command.`);
  narrator.report(
    'main agent',
    'steer',
    `steers ${DOCS}, which is running “${row.progress?.doing}”: “${STEER}”`,
    {
      during: row.progress?.doing,
    },
  );
  const began = performance.now();
  const receipt = await session.subagent(DOCS).steer(STEER);
  const elapsed = performance.now() - began;
  narrator.check(
    receipt.delivery === 'mid-turn' || !stage.scripted,
    'main agent',
    'receipt',
    `has the receipt after ${elapsedText(elapsed)}. ${receipt.delivery}: ${DELIVERIES[receipt.delivery]}`,
    { receipt, tookMs: Math.round(elapsed) },
  );
  const { steers } = await session.subagent(DOCS).describe();
  narrator.check(
    steers.some(({ id, receipt: kept }) => id === receipt.id && kept !== undefined),
    'main agent',
    'receipt-kept',
    `finds the receipt in the subagent’s state: ${countText(steers.length, 'message')}, ${receipt.id} ${receipt.delivery}`,
  );
}
