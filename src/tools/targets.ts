/** Resolves the targets of tool calls. */
import { isChain, SubagentsError } from '../contract/index.ts';
import type { SubagentHandle, SubagentIdentity, Subagents } from '../client/index.ts';
import type { ToolContext } from './tool.ts';

/**
 * The target for every live subagent of the session; for steers, without chains, whose steps are included. No label can
 * be this word.
 */
export const ALL = 'all';

/**
 * The subagents that `target` names. A bare label, a prefix or `last` means the main agent's own session, so that it
 * does not match a subagent of another session by accident. Others must be named in full, as `session/label` or by
 * workflow id.
 * @throws SubagentsError UNKNOWN_TARGET, AMBIGUOUS_TARGET, BAD_INPUT when there is no target
 */
export async function handlesOf(
  context: ToolContext,
  subagents: Subagents,
  action: string,
  target: string | undefined,
): Promise<SubagentHandle[]> {
  if (target === undefined) {
    throw new SubagentsError('BAD_INPUT', `action "${action}" needs a target`, {
      remedy: 'name a label, "last" or "all"; action "list" shows the labels',
    });
  }
  if (target !== ALL) return [await handleOf(context, subagents, target)];
  const session = subagents.session(context.session);
  const { live } = await session.list({ finished: 0, progress: false });
  return live
    .filter((row) => action !== 'steer' || !isChain(row))
    .map(({ label, run }) => session.subagent(`${label}@${run}`));
}

/** The one subagent that `target` names. @throws SubagentsError as `handlesOf`, and BAD_INPUT for `all` */
export async function oneHandle(
  context: ToolContext,
  subagents: Subagents,
  action: string,
  target: string | undefined,
): Promise<SubagentHandle> {
  if (target === ALL) {
    throw new SubagentsError('BAD_INPUT', `action "${action}" takes one subagent at a time`, {
      remedy: 'name a label, or "last"',
    });
  }
  const [handle] = await handlesOf(context, subagents, action, target);
  return handle as SubagentHandle;
}

async function handleOf(context: ToolContext, subagents: Subagents, target: string): Promise<SubagentHandle> {
  return target.includes('/')
    ? await subagents.find(target, { session: context.session })
    : subagents.session(context.session).subagent(target);
}

/** The message of an action that requires one. @throws SubagentsError BAD_INPUT when the message is missing */
export function required(message: string | undefined, action: string, what: string): string {
  if (message !== undefined && message.trim() !== '') return message;
  throw new SubagentsError('BAD_INPUT', `action "${action}" needs a message`, {
    remedy: `put ${what} into \`message\``,
  });
}

/** The fields that identify a subagent in an answer. */
export function identityView({ session, label, run, workflowId }: SubagentIdentity) {
  return { session, label, run, workflowId };
}
