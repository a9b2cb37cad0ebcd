/** How the workflow of a session is started: for the first time, or after the one before was ended. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { MAIN_QUEUE, SEARCH_ATTRIBUTES, sessionWorkflowId, titleOf } from '../contract/index.ts';

const sessionKey = defineSearchAttributeKey(SEARCH_ATTRIBUTES.session, SearchAttributeType.KEYWORD);

/**
 * The options of its start, without its policies for a workflow that is there already.
 * @param state what the session before it had, as its Query `handover` gives it
 */
export function sessionStart(session: string, title: string, state?: object) {
  return {
    workflowId: sessionWorkflowId(session),
    taskQueue: MAIN_QUEUE,
    args: [{ name: session, ...(state && { state, succeeds: true }) }],
    staticSummary: titleOf(title),
    memo: { session },
    typedSearchAttributes: [{ key: sessionKey, value: session }],
  };
}
