/** How a session's workflow is started, for the first time or after its predecessor was closed. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { MAIN_QUEUE, SEARCH_ATTRIBUTES, sessionWorkflowId, titleOf } from '../contract/index.ts';

const sessionKey = defineSearchAttributeKey(SEARCH_ATTRIBUTES.session, SearchAttributeType.KEYWORD);

/**
 * The options of its start, without the policies for an existing workflow.
 * @param state of the previous run, as returned by its Query `handover`
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
