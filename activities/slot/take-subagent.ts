/** `takeSubagent`: a worker takes a subagent of a pool, or hands it back to the queue for the others. */
import { ApplicationFailure, Context, heartbeat } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import {
  ACTIVITY_FAILURES,
  allRefusedText,
  type ErrorCode,
  type HostActivities,
  type PoolActivities,
  type Refusal,
  type ResolvedSpec,
  type SettingsTaken,
  type TakeProgress,
} from '../../src/contract/index.ts';
import { reservedKey } from './hold-slot.ts';
import type { WorkSlots } from './work-slots.ts';

/** How long a subagent waits inside a worker for a slot before another worker may take it, in milliseconds. */
const WITHIN_MS = 1_000;
/** How long the slot is kept for the `holdSlot` that follows. */
const RESERVED_MS = 30_000;
/** How long the queue keeps what was handed back: by a full worker, and by one that refused, at each attempt longer. */
const FULL_DELAY_MS = 2_000;
const REFUSED_DELAY_MS = 500;
const MAX_REFUSED_DELAY_MS = 10_000;

const SPACE_AGAIN_LATER: ErrorCode = 'DISK_FULL';

/** What `takeSubagent` needs of its worker. */
export interface TakeDependencies extends Pick<HostActivities, 'admit'> {
  readonly workerId: string;
  readonly slots: WorkSlots;
  /** The ids of the workers of a pool that are there. */
  readonly findPoolWorkers: (pool: string) => Promise<readonly string[]>;
}

/** Creates the `takeSubagent` activity of one pool. */
export function createTakeActivities(deps: TakeDependencies, pool: string): PoolActivities {
  return {
    async takeSubagent({ subagent, spec }) {
      const answers = await deps.admit({ session: subagent.session, specs: [spec] });
      const [admission] = Array.isArray(answers) ? answers : [];
      if (!admission?.admitted) throw await refused(deps, pool, spec, admission);
      const hasSlot = await deps.slots.reserve(reservedKey(subagent), {
        withinMs: WITHIN_MS,
        reservedMs: RESERVED_MS,
      });
      if (!hasSlot) throw handedBack('the worker is full', FULL_DELAY_MS);
      const { model, defaults } = admission;
      const taken: SettingsTaken = { ...defaults, ...(model !== undefined && { model }) };
      return { kind: 'taken', workerId: deps.workerId, defaults: taken };
    },
  };
}

/** The failure after this worker's refusal: final if no worker of the pool is left to ask. */
async function refused(
  { workerId, findPoolWorkers }: TakeDependencies,
  pool: string,
  { label }: ResolvedSpec,
  refusal: Refusal = { admitted: false, code: 'INTERNAL', reason: 'the worker has no answer' },
): Promise<ApplicationFailure> {
  const { info } = Context.current();
  const before = (info.heartbeatDetails as TakeProgress | undefined)?.refusals;
  const refusals: Record<string, Refusal> = { ...before, [workerId]: refusal };
  // The server keeps what the last heartbeat said for the next attempt, which another worker may make.
  heartbeat({ refusals } satisfies TakeProgress);
  const workers = await findPoolWorkers(pool);
  // A disk may have space again, and an accepted subagent waits for that.
  const isFinal = (id: string): boolean =>
    refusals[id] !== undefined && refusals[id].code !== SPACE_AGAIN_LATER;
  if (workers.every(isFinal)) {
    return ApplicationFailure.create({
      type: ACTIVITY_FAILURES.refused,
      message: allRefusedText(pool, Object.values(refusals)),
      nonRetryable: true,
      details: [{ code: refusal.code, remedy: refusal.remedy }],
    });
  }
  const delay = Math.min(REFUSED_DELAY_MS * info.attempt, MAX_REFUSED_DELAY_MS);
  return handedBack(`refused ${label}: ${refusal.reason}`, delay);
}

/** The failure that leaves the subagent in the queue. The server waits, without an event in the history. */
const handedBack = (why: string, nextRetryDelay: number): ApplicationFailure =>
  ApplicationFailure.create({
    type: 'HandedBack',
    message: why,
    nextRetryDelay,
    category: ApplicationFailureCategory.BENIGN,
  });
