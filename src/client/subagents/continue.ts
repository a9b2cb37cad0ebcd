/** Continues a subagent that has ended: a new run with the same Copilot session, branch and worktree. */
import { randomUUID } from 'node:crypto';
import {
  isFinal,
  isRepositoryUrl,
  startedSpec,
  SubagentsError,
  resolvedOptions,
  type ContinueSpec,
  type Outcome,
  type ResolvedSpec,
  type SentCheckout,
} from '../../contract/index.ts';
import { earlierRunHandover } from '../../prompts/handover.ts';
import { branchTip } from '../../git/branches/branch.ts';
import { Git } from '../../git/git.ts';
import { isAncestor } from '../../git/repository.ts';
import { bringWorkBack, comesBack } from './bring-back.ts';
import { requireView } from './view.ts';
import { isNotFound, LostRunError } from '../errors.ts';
import { fingerprintOf } from '../spawning/fingerprint.ts';
import { followHistory, firstValue } from './history.ts';
import { LinkedSignal } from '../connection/linked-signal.ts';
import type { Link } from '../connection/link.ts';
import { findOutcome } from '../sessions/outcomes.ts';
import type { KnownRun } from '../listing/runs.ts';
import { requirePushable } from '../spawning/resolve-spec.ts';
import { answerOfEarlierRun, refusalError, sendSpawn, type Accepted } from '../spawning/spawn.ts';
import { CheckoutSender } from '../spawning/send-checkout.ts';
import { parseContinueSpec } from '../spawning/spec.ts';
import type { SpawnOptions } from '../types.ts';
import { requireThisWorker } from '../connection/workers.ts';

const SEND_TIMEOUT_MS = 60_000;
/** The name of a branch that we create. */
const OWN_BRANCH = /^subagents\/[a-z0-9._-]+$/;

/** See `SubagentHandle.continue`. */
export async function continueRun(
  link: Link,
  run: KnownRun,
  spec: ContinueSpec,
  { requestId = randomUUID(), timeoutMs = SEND_TIMEOUT_MS }: SpawnOptions,
): Promise<Accepted> {
  const wanted = parseContinueSpec(spec);
  const name = `${run.label}@${run.run}`;
  // `continues` tells the request apart from a spawn of the same task.
  const fingerprint = fingerprintOf({ continues: run.label, ...changed(wanted) });
  const again = answerOfEarlierRun(run, fingerprint);
  if (again) return again;
  if (!isFinal(run.status)) {
    throw new SubagentsError('LABEL_LIVE', `cannot continue ${name}: it is live (${run.status})`, {
      remedy: `steer it instead: subagents steer ${run.label} "<message>"`,
    });
  }
  const who = `the worker that has the workspace of ${name}`;
  if (run.workerId !== undefined) await requireThisWorker(link, run.workerId, who);
  // Wait the full time for answers, even if a worker was silent recently.
  link.silentUntil = 0;
  const [before, place, outcome] = await Promise.all([
    readSpec(link, run),
    findWorkspace(link, run),
    findOutcome(link, run),
  ]);
  if (run.workerId === undefined) await requireThisWorker(link, place.workerId, who);
  const sender = new CheckoutSender(link, { session: run.session });
  const sent = outcome && (await sendCommits(link, sender, run, { spec: before, outcome }));
  const resolved: ResolvedSpec = {
    ...before,
    // Only the chain that asked for these reads them.
    output: undefined,
    artifacts: undefined,
    fingerprint,
    ...changed(wanted),
    base: { ...before.base, commit: place.base },
    ...(sent && { checkout: sent }),
    leftOpen: openOptions(before, wanted),
    continues: {
      run: run.run,
      runId: run.runId,
      workerId: place.workerId,
      copilotSessionId: place.copilotSessionId,
      cwd: place.cwd,
      repository: place.repository ?? before.repo,
      branch: place.branch ?? null,
      handover: earlierRunHandover({
        task: before.task,
        status: run.status,
        summary: outcome?.summary ?? run.summary,
        report: outcome?.report,
      }),
    },
  };
  requirePushable(resolved, isRepositoryUrl(resolved.repo));
  const [answer] = await sendSpawn(link, run.session, { requestId, specs: [resolved] }, timeoutMs);
  if (answer?.status === 'accepted') {
    if (sent) await sender.recordAccepted(resolved, answer);
    return answer;
  }
  throw answer === undefined ? new SubagentsError('INTERNAL', 'no answer') : refusalError(answer, 'continue');
}

/**
 * Sends commits that the caller made on the branch since the work came back: the worker goes on from there.
 * @returns undefined where the branch is as it was saved, or gone
 * @throws SubagentsError BAD_INPUT that names both commits where the branch does not contain what was saved
 */
async function sendCommits(
  link: Link,
  sender: CheckoutSender,
  run: KnownRun,
  { spec, outcome }: { readonly spec: ResolvedSpec; readonly outcome: Outcome },
): Promise<SentCheckout | undefined> {
  const head = outcome.evidence?.head;
  if (head === undefined || !comesBack(outcome) || outcome.saved?.problem !== undefined) return undefined;
  const { branch } = await bringWorkBack(link, run, outcome);
  const git = Git.at(run.repo);
  const tip = await branchTip(git, branch);
  if (tip === undefined || tip === head) return undefined;
  const where = `${branch} is at ${tip.slice(0, 12)} in ${run.repo}, and its worker goes on from ${head.slice(0, 12)}`;
  const remedy = `Spawn a new subagent from your commits (--base ${branch}), or put the branch back first.`;
  if (!(await isAncestor(git, head, tip)))
    throw new SubagentsError('BAD_INPUT', `${where}, which the branch does not contain`, { remedy });
  if (spec.sandbox)
    throw new SubagentsError('BAD_INPUT', `${where}; a sandbox gets no commits of yours afterwards`, {
      remedy,
    });
  return sender.sendOnTop(spec, tip, head);
}

/** The fields of the spec that the continuation changes. */
function changed(
  wanted: ReturnType<typeof parseContinueSpec>,
): Partial<ResolvedSpec> & { readonly task: string } {
  return { ...resolvedOptions(wanted), task: wanted.task };
}

/**
 * The options that the `.subagents.json` of a URL's clone may set again: the previous run's spec does not contain what
 * that file set.
 */
function openOptions(
  before: ResolvedSpec,
  wanted: ReturnType<typeof parseContinueSpec>,
): ResolvedSpec['leftOpen'] {
  if (!isRepositoryUrl(before.repo)) return [];
  const changedFields = new Set(Object.keys(changed(wanted)).map((field) => field.replace(/Ms$/, '')));
  return before.leftOpen.filter((field) => field !== 'setup' && !changedFields.has(field));
}

/** Reads the spec of a run from the first event of its history. */
async function readSpec(link: Link, run: KnownRun): Promise<ResolvedSpec> {
  const name = `${run.label}@${run.run}`;
  using linked = new LinkedSignal([link.closed]);
  try {
    for await (const event of followHistory(link, { ...run, afterEvent: 0 }, linked.signal)) {
      const input = await firstValue(link, run, event.workflowExecutionStartedEventAttributes?.input);
      const parsed = startedSpec.safeParse((input as { spec?: unknown } | undefined)?.spec);
      if (parsed.success) return parsed.data;
      throw new SubagentsError('INTERNAL', `the spec of ${name} cannot be read: ${parsed.error.message}`, {
        remedy: 'Another version of durable-subagents may have written it: spawn the subagent again.',
      });
    }
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  throw new LostRunError(`the server has deleted the history of ${name}, so it cannot be continued`, {
    entry: run,
    // A run in place may have used a branch of any name.
    remedy: `spawn it again from its branch${OWN_BRANCH.test(run.branch ?? '') ? `: --base ${run.branch}` : ''}`,
  });
}

/** Reads the workspace of a run, and the worker that has it. */
async function findWorkspace(link: Link, run: KnownRun) {
  const view = await requireView(link, run);
  const { workerId, cwd, base, branch, repository, copilotSessionId } = view ?? {};
  if (workerId === undefined || cwd === undefined || base === undefined || copilotSessionId === undefined) {
    throw new SubagentsError('NO_WORKSPACE', `${run.label}@${run.run} ended before it had a workspace`, {
      remedy: 'spawn it again; the same label can be used',
    });
  }
  return { workerId, cwd, base, branch, repository, copilotSessionId };
}
