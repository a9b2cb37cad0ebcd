/** Tool calls that need an approval: what the subagent is told, and what a human is asked. An approved call is simply made. */
import { sanitizedLine, type Approval, type CallDecision } from '../contract/index.ts';

const NO_DETOUR =
  'Do not try to reach the same by another command or tool. Continue without it if you can; otherwise stop, and say in your report what is missing.';

/** The result of a call that a person has rejected. @param why the person's words */
export const rejectedText = (why?: string): string =>
  `This call needed an approval, and was rejected${why === undefined || why.trim() === '' ? '.' : `: ${why.trim()}`}\n${NO_DETOUR}`;

/** The result of a call on which nobody decided in time. */
export const expiredText = (): string =>
  `This call needed an approval. Nobody decided in time, so it counts as rejected.\n${NO_DETOUR}`;

/** The result of a call that one of Copilot's own sub-agents made; nobody is asked for those. */
export const APPROVAL_FOR_SUB_AGENT =
  'This call needs an approval, for which only the main agent loop can ask. Put into your result what is to be done, so that the main loop can do it.';

/** The decisions in a new conversation, where the calls are gone. */
export const decisionsText = (decisions: readonly CallDecision[]): string =>
  decisions
    .map(({ what, approved, text }) =>
      approved
        ? `You had asked for an approval, and got it: \`${what}\`. Whether it was made is not known: check its effect before you make it again, for which you may have to wait for an approval again.`
        : `You had asked for an approval of \`${what}\`. ${text ?? rejectedText()}`,
    )
    .join('\n\n');

/** What a human can choose, in a dialog of the main agent's program. */
export const APPROVAL_CHOICES = {
  once: 'Approve this call',
  always: 'Approve all calls of this kind in this run',
  reject: 'Reject it',
  later: 'Decide later',
} as const;

const MAX_CALL_CHARS = 500;

/** A call that waits for an approval, with the rule that asks. */
export const waitingCall = ({ tool, what, rule, layer, reason, always }: Omit<Approval, 'at'>): string =>
  [
    sanitizedLine(`${tool}: ${what}`, MAX_CALL_CHARS),
    ...(rule === undefined ? [] : [`rule: ${sanitizedLine(rule, 200)}`]),
    ...(layer === undefined ? [] : [`rule of: ${sanitizedLine(layer, 200)}`]),
    ...(reason === undefined ? [] : [`why: ${sanitizedLine(reason, 300)}`]),
    ...(always === undefined ? [] : [`kind: ${sanitizedLine(always, 300)}`]),
  ].join('\n');

/** The question to the human. @param name label and run of the subagent */
export const approvalQuestion = (name: string, approval: Omit<Approval, 'at'>): string =>
  `The subagent ${name} waits for your approval of this call (text from its model):\n${waitingCall(approval)}`;

/** The answer when the human chose neither. */
export const LEFT_OPEN =
  'The human has not decided. The approval stays open; do not ask again unless the human wants to decide.';

export const NO_APPROVAL_OPEN = 'No tool call waits for an approval.';
