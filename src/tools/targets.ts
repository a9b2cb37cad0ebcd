/** Which subagents a tool call means. */
import { isChain, SubagentsError } from '../contract/index.ts';
import type { SubagentHandle, SubagentIdentity, Subagents } from '../client/index.ts';
import type { ToolContext } from './tool.ts';

/** The word for every live subagent of the session; to steer, all but chains: their steps are subagents too. No label can be this word. */
export const ALL = 'all';

/**
 * The subagents that `target` names. A bare label, prefix or `last` is one of the main agent's own session, so that it cannot
 * hit another's by accident; others are named in full, as `session/label` or by workflow id.
 * @throws SubagentsError UNKNOWN_TARGET, AMBIGUOUS_TARGET, BAD_INPUT when it is left out
 */
export async function handlesOf(
  context: ToolContext,
  subagents: Subagents,
  action: string,
  target: string | undefined,
): Promise<SubagentHandle[]> {
  if (target === undefined) {
    throw new SubagentsError('BAD_INPUT', `action "${action}" needs a target`, {
      remedy: 'name a label, "last" or "all"; action "list" has the labels',
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

/** The message of an action that needs one. @throws SubagentsError BAD_INPUT without it */
export function required(message: string | undefined, action: string, what: string): string {
  if (message !== undefined && message.trim() !== '') return message;
  throw new SubagentsError('BAD_INPUT', `action "${action}" needs a message`, {
    remedy: `put ${what} into \`message\``,
  });
}

/** The fields that say which subagent it is. */
export function identityView({ session, label, run, workflowId }: SubagentIdentity) {
  return { session, label, run, workflowId };
}
