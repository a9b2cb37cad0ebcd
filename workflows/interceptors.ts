/** Interceptors of every workflow: validate the input, and shorten summaries to the length that the server accepts. */
import {
  ApplicationFailure,
  workflowInfo,
  type WorkflowInboundCallsInterceptor,
  type WorkflowInterceptors,
  type WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow';
import { validate, detailsOf, firstProblem, titleOf, WORKFLOW_INPUTS } from '../src/contract/index.ts';
import { authenticity, authenticResults, onlyAnswers } from './authenticity.ts';
import { readSenders, senders } from './shared/sender.ts';

/**
 * Anybody may start a workflow. A plain error would make the server retry the workflow task forever; this failure ends
 * the workflow.
 */
const inputs: WorkflowInboundCallsInterceptor = {
  async execute(input, next) {
    const { workflowType } = workflowInfo();
    const schema = WORKFLOW_INPUTS[workflowType];
    const parsed = schema && validate(schema, input.args[0]);
    if (parsed && !parsed.success)
      throw ApplicationFailure.nonRetryable(
        `the input of the ${workflowType}: ${firstProblem(parsed.error)}`,
        'BAD_INPUT',
      );
    return next(input);
  },
};

/** The server rejects a longer title, and the workflow task would be retried forever. */
const titles: WorkflowOutboundCallsInterceptor = {
  scheduleActivity(input, next) {
    const { summary } = input.options;
    return next(summary === undefined ? input : withOptions(input, { summary: titleOf(summary) }));
  },
  startTimer(input, next) {
    const summary = input.options?.summary;
    return next(summary === undefined ? input : { ...input, options: { summary: titleOf(summary) } });
  },
  startChildWorkflowExecution(input, next) {
    const { staticSummary: summary, staticDetails: details } = input.options;
    return next(
      withOptions(input, {
        ...(summary !== undefined && { staticSummary: titleOf(summary) }),
        ...(details !== undefined && { staticDetails: detailsOf(details) }),
      }),
    );
  },
};

const withOptions = <T extends { readonly options: object }>(input: T, more: Partial<T['options']>): T => ({
  ...input,
  options: { ...input.options, ...more },
});

/** Called by the SDK for each workflow; the SDK requires this name. */
export const interceptors = (): WorkflowInterceptors => ({
  inbound: [authenticity, inputs, senders],
  outbound: [titles, authenticResults],
  internals: [onlyAnswers, readSenders],
});
