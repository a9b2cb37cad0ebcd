/** How an execution stands, from what the server itself knows of it: no worker is asked. */
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

/** How a workflow that was closed without a last word of its own ended, for us. */
const CLOSED_AS: Readonly<Record<string, FinalStatus>> = {
  COMPLETED: 'done',
  FAILED: 'failed',
  CANCELLED: 'killed',
  TIMED_OUT: 'lost',
  TERMINATED: 'lost',
};

/** What `executionStatus` and search attributes, of a description or a visibility row, say together. */
export function statusOf(execution: Known): Status {
  const kept = statusSchema.safeParse(attributeOf(execution, SEARCH_ATTRIBUTES.status)).data;
  const closedAs = CLOSED_AS[execution.status.name];
  if (closedAs === undefined) return kept ?? 'queued';
  // A workflow that was ended from outside could not change its attribute any more.
  return kept !== undefined && isFinal(kept) && closedAs !== 'lost' ? kept : closedAs;
}

/** Whether a workflow of this execution status goes on. */
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
