/** Retries a chain: runs the steps that are not done, and keeps the outcomes of the done steps for quotes. */
import { randomUUID } from 'node:crypto';
import { descendants } from '../../chain/graph.ts';
import { parsePath, quotesIn } from '../../chain/template.ts';
import {
  isChain,
  isFinal,
  resolvedChain,
  stepLabel,
  SubagentsError,
  type CarriedOutcome,
  type ChainRequest,
  type ResolvedChain,
  type StepView,
} from '../../contract/index.ts';
import { sendChain } from './chain.ts';
import { concurrently } from '../connection/concurrency.ts';
import { fingerprintOf } from '../spawning/fingerprint.ts';
import { firstInput } from '../subagents/history.ts';
import type { Link } from '../connection/link.ts';
import { readOutcome } from '../sessions/outcomes.ts';
import { findRun, type KnownRun } from '../listing/runs.ts';
import { answerOfEarlierRun, type Accepted } from '../spawning/spawn.ts';
import { checkSpawnSize } from '../spawning/spec.ts';
import type { RetryOptions } from '../types.ts';

/** See `SessionHandle.retryChain`. */
export async function retryChain(link: Link, run: KnownRun, options: RetryOptions): Promise<Accepted> {
  const { from, requestId = randomUUID(), timeoutMs } = options;
  if (!isChain(run))
    throw new SubagentsError('BAD_INPUT', `${run.label} is not a chain`, {
      remedy: `continue the subagent: subagents continue ${run.label} "<task>"`,
    });
  const fingerprint = fingerprintOf({ retry: run.label, from });
  const before = answerOfEarlierRun(run, fingerprint);
  if (before) return before;
  if (!isFinal(run.status))
    throw new SubagentsError('LABEL_LIVE', `the chain ${run.label} is live`, {
      remedy: 'wait for its end, or kill it first',
    });
  const [input, outcome] = await Promise.all([firstInput(link, run), readOutcome(link, run)]);
  const chain = resolvedChain.parse((input as { chain?: unknown } | undefined)?.chain);
  const views = outcome.steps ?? [];
  const winner = chain.until === 'first' ? views.find(({ status }) => status === 'done') : undefined;
  if (winner)
    throw new SubagentsError(
      'BAD_INPUT',
      `the race ${chain.label} is over: ${winner.step} was the first to be done`,
      {
        remedy:
          'start a new race with this label, or continue a racer: subagents continue <chain>.<step> "<task>"',
      },
    );
  const again = stepsToRepeat(chain, views, from);
  const carried = await concurrently(
    chain.steps.filter(({ id }) => !again.has(id)),
    async ({ id }): Promise<[string, CarriedOutcome[]]> => [
      id,
      await concurrently(
        viewsOf(chain, views, id).filter((view) => view.run !== undefined),
        async (view) => neededOf(await outcomeOf(link, run, view), id, chain, again),
      ),
    ],
  );
  const request: ChainRequest = { requestId, chain, fingerprint, carried: Object.fromEntries(carried) };
  checkSpawnSize(request, {
    what: `the chain ${chain.label} with the reports and files of done steps that are quoted again`,
    remedy:
      'run the steps with the largest files or data again, together with the steps that quote them: --from <step>',
  });
  return sendChain(link, run.session, request, { timeoutMs });
}

/** Reads the outcome of a step's subagent, which is looked up by label where the view has no ids. */
async function outcomeOf(
  link: Link,
  chain: KnownRun,
  { label, run = 1, workflowId, runId }: StepView,
): Promise<CarriedOutcome> {
  const step =
    workflowId !== undefined && runId !== undefined
      ? { ...chain, label, run, workflowId, runId }
      : await findRun(link, `${label}@${run}`, chain.session);
  const outcome = await readOutcome(link, step);
  return { ...outcome, workflowId: step.workflowId, runId: step.runId };
}

/** Drops the report, output and files that no repeated step quotes, so that the request fits into one message. */
function neededOf(
  { report, output, artifacts = {}, ...outcome }: CarriedOutcome,
  id: string,
  { steps }: ResolvedChain,
  again: ReadonlySet<string>,
): CarriedOutcome {
  const quotes = steps
    .filter((step) => again.has(step.id))
    .flatMap(({ spec, forEach = '' }) => [...quotesIn(spec.task).map(({ path }) => path), parsePath(forEach)])
    .filter(([root]) => root === id);
  /** Whether a quote needs the field, or its part if one is given. A quote of the whole outcome needs all fields. */
  const isQuoted = (field: string, part?: string): boolean =>
    quotes.some(([, ...path]) => {
      const [quotedField, quotedPart] = path[0] === 'outcome' ? path.slice(1) : path;
      if (quotedField === undefined) return true;
      if (quotedField !== field) return false;
      return part === undefined || quotedPart === undefined || quotedPart === part;
    });
  const files = Object.entries(artifacts).filter(([file]) => isQuoted('artifacts', file));
  // The report of the last step is also the chain's.
  const keepsReport = isQuoted('report') || id === steps.at(-1)?.id;
  return {
    ...outcome,
    report: keepsReport ? report : '',
    ...(output !== undefined && isQuoted('output') && { output }),
    ...(files.length > 0 && { artifacts: Object.fromEntries(files) }),
  };
}

/**
 * Ids of the steps that are not done, of `from`, and of all steps that depend on them.
 * @throws SubagentsError BAD_INPUT
 */
function stepsToRepeat(
  chain: ResolvedChain,
  views: readonly StepView[],
  from: string | undefined,
): Set<string> {
  const ids = chain.steps.map(({ id }) => id);
  if (from !== undefined && !ids.includes(from)) {
    throw new SubagentsError('BAD_INPUT', `the chain ${chain.label} has no step "${from}"`, {
      remedy: `it has ${ids.join(', ')}`,
    });
  }
  const missed = ids.filter(
    (id) => id === from || viewsOf(chain, views, id).some(({ status }) => status !== 'done'),
  );
  if (missed.length === 0) {
    throw new SubagentsError('BAD_INPUT', `every step of the chain ${chain.label} is done`, {
      remedy: 'name the step to run again: --from <step>',
    });
  }
  return new Set(missed.flatMap((id) => [id, ...descendants(chain.steps, id)]));
}

/** The views of one step; a `forEach` step has one for each item. A view without a run is a step that never started. */
function viewsOf({ label, steps }: ResolvedChain, views: readonly StepView[], id: string): StepView[] {
  const name = stepLabel(label, id);
  const isForEach = steps.find((step) => step.id === id)?.forEach !== undefined;
  const isOwn = (candidate: string): boolean =>
    candidate === name ||
    (isForEach && /^-\d+$/.test(candidate.slice(name.length)) && candidate.startsWith(name));
  return views.filter((view) => isOwn(view.label));
}
