/** Which subagents a command is about: the filters of `list` and `watch`, and named targets. */
import type { FleetListOptions, SubagentHandle, Subagents } from '../client/index.ts';
import { SubagentsError } from '../contract/errors.ts';
import { STATUSES, type Status } from '../contract/status/status.ts';
import type { Context } from './context.ts';

/** Flags of `list` and `watch` that filter, as declared. */
export interface SelectionFlags {
  /** Names of statuses, separated by commas. */
  readonly status?: string | undefined;
  readonly repo?: string | undefined;
}

/**
 * The filters for the library. `--session` counts only if given on the command line.
 * @throws SubagentsError BAD_INPUT for an unknown status
 */
export function selectionOf(
  { options: { session } }: Context,
  { status, repo }: SelectionFlags,
): Pick<FleetListOptions, 'sessions' | 'statuses' | 'repo'> {
  const statuses = status?.split(',').map((name) => name.trim());
  const wrong = statuses?.find((name) => !(STATUSES as readonly string[]).includes(name));
  if (wrong !== undefined)
    throw new SubagentsError('BAD_INPUT', `--status: "${wrong}" is not a status`, {
      remedy: `choose from ${STATUSES.join(', ')}`,
    });
  return {
    ...(session !== undefined && { sessions: [session] }),
    ...(statuses !== undefined && { statuses: statuses as Status[] }),
    ...(repo !== undefined && { repo }),
  };
}

/** The subagents that `targets` name, in that order. @throws SubagentsError UNKNOWN_TARGET, AMBIGUOUS_TARGET */
export const findTargets = (
  { session }: Context,
  subagents: Subagents,
  targets: readonly string[],
): Promise<SubagentHandle[]> => Promise.all(targets.map((target) => subagents.find(target, { session })));
