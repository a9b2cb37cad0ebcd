import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { ApprovalsJson } from '../json.ts';
import { approvalLines } from '../render/approvals.ts';

/** `subagents approvals` */
export async function approvalsCommand(context: Context): Promise<number> {
  await using subagents = await context.connect();
  const approvals = await subagents.approvals();
  const { output } = context;
  output.data({ approvals } satisfies ApprovalsJson);
  if (approvals.length === 0) output.line('no tool call waits for an approval');
  for (const approval of approvals) {
    const name = context.targetName(approval);
    output.line([output.colors.bold(name), ...approvalLines(approval, name, output.colors)].join('\n'));
  }
  return EXIT.ok;
}
