import type { ApprovalReceipt } from '../../client/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { DecisionJson } from '../json.ts';
import { approvalLines, callText } from '../render/approvals.ts';

interface DecisionFlags {
  readonly approval?: string | undefined;
  readonly requestId?: string | undefined;
}

/** `subagents approve` */
export async function approveCommand(
  context: Context,
  target: string,
  words: readonly string[],
  flags: DecisionFlags & { readonly always?: boolean | undefined },
): Promise<number> {
  return decide(context, target, words, flags, flags.always === true ? 'always' : 'once');
}

/** `subagents reject` */
export async function rejectCommand(
  context: Context,
  target: string,
  words: readonly string[],
  flags: DecisionFlags,
): Promise<number> {
  return decide(context, target, words, flags, 'never');
}

async function decide(
  context: Context,
  target: string,
  words: readonly string[],
  { approval: approvalId, requestId }: DecisionFlags,
  how: 'once' | 'always' | 'never',
): Promise<number> {
  await using subagents = await context.connect();
  const subagent = await subagents.find(target, { session: context.session });
  const why = words.length === 0 ? undefined : words.join(' ');
  const options = { approvalId, requestId, why };
  const receipt =
    how === 'never'
      ? await subagent.reject(options)
      : await subagent.approve({ ...options, always: how === 'always' });
  const { session, label, run } = await subagent.identity();
  const { output } = context;
  output.data({ session, label, run, ...receipt } satisfies DecisionJson);
  const name = context.targetName({ session, label });
  output.line(receiptText(receipt, name, context));
  if (receipt.open.length > 0) output.line('  still open:');
  for (const open of receipt.open)
    output.line(
      approvalLines(open, name, output.colors)
        .map((line) => `  ${line}`)
        .join('\n'),
    );
  return EXIT.ok;
}

function receiptText(receipt: ApprovalReceipt, name: string, { output: { colors } }: Context): string {
  const { decision, repeated, always, also } = receipt;
  const word = decision === 'rejected' ? colors.red('rejected') : colors.green('approved');
  const again = repeated ? ' (it was decided so before)' : '';
  const kind = always === undefined ? '' : `\n  from now on approved in this run: ${always}`;
  const more = also.length === 0 ? '' : `\n  also approved: ${also.join(', ')}`;
  return `${word} ${colors.bold(name)} ${colors.dim(receipt.approvalId)}${again}: ${callText(receipt)}${kind}${more}`;
}
