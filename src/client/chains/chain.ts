/** Starts chains: the client, which has the checkouts, parses, checks and resolves a chain; the session accepts it. */
import { randomUUID } from 'node:crypto';
import { checkChain } from '../../chain/check.ts';
import { withNeeds } from '../../chain/graph.ts';
import {
  chainSpec,
  validate,
  SESSION,
  spawnAnswer,
  stepLabel,
  SubagentsError,
  type ChainRequest,
  type ParsedChain,
  type ParsedStep,
  type ResolvedChain,
  type ResolvedStep,
} from '../../contract/index.ts';
import { releaseCarried } from '../../git/worktrees/carry.ts';
import { concurrently } from '../connection/concurrency.ts';
import { isTimeout } from '../errors.ts';
import { Destinations } from '../spawning/destination.ts';
import { digestOf, fingerprintOf } from '../spawning/fingerprint.ts';
import type { Link } from '../connection/link.ts';
import { resolveSpec, type Caller } from '../spawning/resolve-spec.ts';
import { refuseSentSteps } from '../spawning/send-checkout.ts';
import { answersOrStarted, refusalError, sendToSession, type Accepted } from '../spawning/spawn.ts';
import { checkSpawnSize, schemaError } from '../spawning/spec.ts';
import type { ChainOptions } from '../types.ts';
import { Git } from '../../git/git.ts';

/** Maximum number of problems that an error lists. */
const MAX_PROBLEMS = 10;
/** How long the session may take to answer, in milliseconds. */
const CHAIN_TIMEOUT_MS = 60_000;

/** See `SessionHandle.chain`. */
export async function startChain(
  link: Link,
  session: string,
  spec: unknown,
  options: ChainOptions = {},
): Promise<Accepted> {
  const parsed = parseChain(spec);
  const params = paramsOf(parsed, options.params ?? {});
  const { requestId = randomUUID(), cwd = process.cwd(), timeoutMs = CHAIN_TIMEOUT_MS, title } = options;
  const caller = { cwd, hostQueue: await link.hostQueue(), pool: link.pool };
  const destinations = new Destinations(link, caller.hostQueue);
  const resolved = await resolveSteps(parsed, caller);
  refuseSentSteps(resolved.map(({ step }) => step.spec));
  const steps = await concurrently(resolved, async ({ step, notes }) => {
    const chosen = await destinations.choose(step.spec);
    return { step: { ...step, spec: chosen.spec }, notes: [...notes, ...chosen.notes] };
  });
  const { label, description, maxConcurrent, until = 'all' } = parsed;
  const chain: ResolvedChain = {
    label,
    params,
    until,
    steps: steps.map(({ step }) => step),
    ...(description !== undefined && { description }),
    ...(maxConcurrent !== undefined && { maxConcurrent }),
  };
  const request: ChainRequest = { requestId, chain, fingerprint: fingerprintOfChain(chain) };
  try {
    const answer = await sendChain(link, session, request, { timeoutMs, title });
    return { ...answer, notes: [...new Set([...steps.flatMap((each) => each.notes), ...answer.notes])] };
  } catch (error) {
    // After a timeout the session may have accepted the chain, which needs the carried changes.
    if (isTimeout(error)) throw error;
    for (const { step } of steps)
      if (step.spec.carried) await releaseCarried(Git.at(step.spec.repo), step.spec.carried.commit);
    throw error;
  }
}

/** Fingerprints a chain. The specs of its steps count by their fingerprint, output and artifacts. */
function fingerprintOfChain({ steps, ...chain }: ResolvedChain): string {
  const asked = steps.map(({ spec, ...step }) => {
    const { fingerprint, output, artifacts } = spec;
    return { ...step, fingerprint, output, artifacts };
  });
  return fingerprintOf({ ...chain, steps: asked });
}

/** Sends a chain to its session. @throws SubagentsError with the code of the session's refusal; LIMIT, TIMEOUT */
export async function sendChain(
  link: Link,
  session: string,
  request: ChainRequest,
  { timeoutMs = CHAIN_TIMEOUT_MS, title }: Pick<ChainOptions, 'timeoutMs' | 'title'>,
): Promise<Accepted> {
  checkSpawnSize(request);
  const doing = `start the chain ${request.chain.label}`;
  const { label, steps } = request.chain;
  const digest = digestOf([
    { label, task: '' },
    ...steps.map(({ id, spec }) => ({ label: id, task: spec.task })),
  ]);
  const [answer] = await answersOrStarted(
    link,
    session,
    [{ label, fingerprint: request.fingerprint }],
    async () => [
      spawnAnswer.parse(
        await sendToSession(link, session, {
          update: SESSION.chain,
          request: { ...request, digest },
          doing,
          timeoutMs,
          title,
        }),
      ),
    ],
  );
  if (answer === undefined) throw new SubagentsError('INTERNAL', 'no answer');
  if (answer.status === 'refused') throw refusalError(answer, 'start the chain');
  return answer;
}

/** Parses and checks a chain. @throws SubagentsError BAD_INPUT that lists the problems and their paths */
export function parseChain(spec: unknown): ParsedChain {
  const parsed = validate(chainSpec, spec);
  if (!parsed.success) throw schemaError(parsed.error, chainSpec.shape, 'a chain');
  const problems = checkChain(parsed.data).map(({ path, message }) => `${path.join('.')}: ${message}`);
  if (problems.length === 0) return parsed.data;
  const more = problems.length - MAX_PROBLEMS;
  throw new SubagentsError(
    'BAD_INPUT',
    problems.slice(0, MAX_PROBLEMS).join('; ') + (more > 0 ? ` (and ${more} more)` : ''),
    { remedy: 'fix what is named: a path such as steps.0.task counts from 0' },
  );
}

/**
 * The values of a chain's parameters, with defaults.
 * @throws SubagentsError BAD_INPUT for a missing or unknown parameter
 */
export function paramsOf(
  { label, params = {} }: Pick<ParsedChain, 'label' | 'params'>,
  given: Readonly<Record<string, string>>,
): ResolvedChain['params'] {
  const names = Object.keys(params);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new SubagentsError('BAD_INPUT', `the chain ${label} has no parameter "${unknown}"`, {
      remedy: names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`,
    });
  }
  return Object.fromEntries(
    Object.entries(params).map(([name, { default: preset, data = false, description }]) => {
      const value = Object.hasOwn(given, name) ? given[name] : preset;
      if (value === undefined) {
        throw new SubagentsError('BAD_INPUT', `the parameter "${name}" of the chain ${label} is missing`, {
          remedy: `give it with --param ${name}=…${description === undefined ? '' : `: ${description}`}`,
        });
      }
      return [name, { value, data }];
    }),
  );
}

async function resolveSteps(
  chain: ParsedChain,
  caller: Caller,
): Promise<{ step: ResolvedStep; notes: readonly string[] }[]> {
  return concurrently(withNeeds<ParsedStep>(chain.steps), async (given) => {
    const { id, needs, from, forEach, maxConcurrent, output, artifacts, ...fields } = given;
    try {
      const { spec, notes } = await resolveSpec({ ...fields, label: stepLabel(chain.label, id) }, caller);
      const step: ResolvedStep = {
        id,
        needs: [...needs],
        spec: { ...spec, ...(output && { output }), ...(artifacts && { artifacts }) },
        ...(from !== undefined && { from }),
        ...(forEach !== undefined && { forEach }),
        ...(maxConcurrent !== undefined && { maxConcurrent }),
      };
      return { step, notes };
    } catch (error) {
      if (!(error instanceof SubagentsError)) throw error;
      throw new SubagentsError(error.code, `step ${id}: ${error.message}`, {
        remedy: error.remedy,
        cause: error,
      });
    }
  });
}
