/** The status of an execution as the server knows it, without asking a worker. */
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import {
  isFinal,
  SEARCH_ATTRIBUTES,
  status as statusSchema,
  type FinalStatus,
  type Status,
} from '../contract/index.ts';

type Known = Pick<WorkflowExecutionDescription, 'status' | 'typedSearchAttributes'>;

/** Our status for a workflow that was closed without publishing its own. */
const CLOSED_AS: Readonly<Record<string, FinalStatus>> = {
  COMPLETED: 'done',
  FAILED: 'failed',
  CANCELLED: 'killed',
  TIMED_OUT: 'lost',
  TERMINATED: 'lost',
};

/** The status from `executionStatus` and search attributes of a description or a visibility row. */
export function statusOf(execution: Known): Status {
  const kept = statusSchema.safeParse(attributeOf(execution, SEARCH_ATTRIBUTES.status)).data;
  const closedAs = CLOSED_AS[execution.status.name];
  if (closedAs === undefined) return kept ?? 'queued';
  // A workflow that was terminated could not update its attribute.
  return kept !== undefined && isFinal(kept) && closedAs !== 'lost' ? kept : closedAs;
}

/** Whether a workflow with this execution status is still open. */
export function isOpen(statusName: string): boolean {
  return !(statusName in CLOSED_AS);
}

/** The value of a keyword search attribute. */
export function attributeOf(
  execution: Pick<Known, 'typedSearchAttributes'>,
  name: string,
): string | undefined {
  return execution.typedSearchAttributes.get(defineSearchAttributeKey(name, 'KEYWORD'));
}
