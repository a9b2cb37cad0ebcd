import type { SpawnedSubagent, SubagentHandle, SubagentIdentity, Subagents } from '../client/index.ts';
import { kindsOf } from '../contract/outcome/caveat.ts';
import { SubagentsError } from '../contract/errors.ts';
import { oneLine } from '../contract/text/text.ts';
import type { Context } from './context.ts';
import type { SubagentEnd } from './exit.ts';
import type { WaitJson } from './json.ts';
import { WaitProgress } from './render/progress.ts';

/** A subagent that has ended. */
export type EndedSubagent = WaitJson['ended'][number];

/** The parts of an end that determine the exit code. */
export const toSubagentEnd = ({ status, outcome }: EndedSubagent): SubagentEnd => ({
  status,
  caveats: outcome && kindsOf(outcome.caveats),
});

/** The result of a wait. */
export interface WaitResult {
  readonly ended: readonly EndedSubagent[];
  readonly pending: readonly SubagentIdentity[];
  /** Why subagents are still pending. */
  readonly cut?: 'timeout' | 'interrupted';
}

/**
 * Waits until all subagents have ended, with progress on a terminal. Prints questions on stderr.
 * @param options.onEnd called for each subagent as it ends
 */
export async function waitForEnds(
  context: Context,
  subagents: Subagents,
  handles: readonly SubagentHandle[],
  options: { readonly timeoutMs?: number | undefined; readonly onEnd?: (ended: EndedSubagent) => void } = {},
): Promise<WaitResult> {
  const timer = new AbortController();
  const timeout =
    options.timeoutMs === undefined ? undefined : setTimeout(() => timer.abort(), options.timeoutMs);
  const signal = AbortSignal.any([timer.signal, context.interrupt]);
  const ended: EndedSubagent[] = [];
  const pending = new Map<string, SubagentIdentity>();
  try {
    const identities = await Promise.all(handles.map((handle) => handle.identity()));
    for (const identity of identities) pending.set(identity.runId, identity);
    await using progress = new WaitProgress(context, subagents, () => [...pending.values()]);
    await Promise.all(
      handles.map(async (handle, index) => {
        const identity = identities[index] as SubagentIdentity;
        const end = await endOf(handle, identity, signal);
        if (end === undefined) return;
        pending.delete(identity.runId);
        ended.push(end);
        progress.pause(() => options.onEnd?.(end));
      }),
    );
  } finally {
    clearTimeout(timeout);
  }
  if (pending.size === 0) return { ended, pending: [] };
  return {
    ended,
    pending: [...pending.values()],
    cut: context.interrupt.aborted ? 'interrupted' : 'timeout',
  };
}

/** How a subagent ended; undefined when the wait was given up before its end. */
async function endOf(
  handle: SubagentHandle,
  identity: SubagentIdentity,
  signal: AbortSignal,
): Promise<EndedSubagent | undefined> {
  try {
    const outcome = await handle.result({ signal });
    return { ...identity, status: outcome.status, outcome };
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof SubagentsError) || error.code !== 'LOST') throw error;
    return { ...identity, status: 'lost', problem: oneLine(error.message, 500) };
  }
}

/** The word for the answer to a request that starts something. */
export const acceptedText = ({ repeated }: SpawnedSubagent): string =>
  repeated ? 'accepted before' : 'accepted';
