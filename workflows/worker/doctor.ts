/** A short workflow that has a worker of a pool look at what a subagent would need there. */
import { checkCalls } from '../shared/activity-calls.ts';
import {
  poolControlQueue,
  type DoctorInput,
  type Lost,
  type WorkerChecks,
} from '../../src/contract/index.ts';

export async function doctor({ pool, repo }: DoctorInput): Promise<WorkerChecks | Lost> {
  const { checkWorker } = checkCalls(poolControlQueue(pool));
  return checkWorker.executeWithOptions({ summary: repo ?? `pool ${pool}` }, [
    { ...(repo !== undefined && { repo }) },
  ]);
}
