/**
 * A short workflow for one reader: pages of Copilot's event log, read on the worker that has the log, are recorded in
 * its history.
 */
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineSignal,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { TRANSCRIPT, type TranscriptInput } from '../../src/contract/index.ts';
import { controlCalls, isLost, timeoutAsLost } from '../shared/activity-calls.ts';

const reading = defineSignal(TRANSCRIPT.reading);

/** A reader that has sent no `reading` signal for this long is considered gone. */
const READER_TIMEOUT_MS = 60_000;
/** How long one page waits for new events. */
const WAIT_MS = 10_000;

/** Returns the cursor after the last page. */
export async function transcript(input: TranscriptInput): Promise<number> {
  let { cursor } = input;
  let lastSeen = Date.now();
  setHandler(reading, () => void (lastSeen = Date.now()));

  for (;;) {
    const page = await timeoutAsLost(
      controlCalls(input.workerId).readTranscript.executeWithOptions({ summary: `from byte ${cursor}` }, [
        {
          copilotSessionId: input.copilotSessionId,
          ...(input.of && { of: input.of }),
          cursor,
          waitMs: input.follow ? WAIT_MS : 0,
        },
      ]),
    );
    if (isLost(page)) continue;
    ({ cursor } = page);
    if (page.atEnd && (!input.follow || Date.now() - lastSeen > READER_TIMEOUT_MS)) return cursor;
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof transcript>({ ...input, cursor });
    }
  }
}
