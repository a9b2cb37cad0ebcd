/**
 * Interceptors of every workflow for messages that are encrypted: what cannot be read decides nothing, what was sent
 * before does not count again, and results of activities are bound to their activity. Where nothing is encrypted they
 * change nothing, so that histories without encryption replay as they are.
 */
import {
  ApplicationFailure,
  uuid4,
  workflowInfo,
  type WorkflowInboundCallsInterceptor,
  type WorkflowInternalsInterceptor,
  type WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow';
import { UnreadablePayload } from '../src/contract/index.ts';
import { isEncrypted, sealOf } from '../src/contract/protocol/seals.ts';

/**
 * A message that was encrypted longer before the start of its run than this, in milliseconds, was meant for an earlier
 * run of the same name. Clocks of senders may differ by as much.
 */
const BEFORE_RUN_MS = 10 * 60_000;

/** The nonces of the messages that were handled. This module, like all of a workflow, is the workflow's own. */
const handled = new Set<string>();

/** Whether the start of this workflow could not be read. It then does nothing but fail its tasks. */
let isStartUnreadable = false;

/** The inbound interceptor. It must come first: the others see what it has made of the arguments. */
export const authenticity: WorkflowInboundCallsInterceptor = {
  async execute(input, next) {
    const unreadable = input.args.find((arg) => arg instanceof UnreadablePayload);
    // A plain error: the task is tried again. A failure would end a workflow for a key that is missing today.
    isStartUnreadable = unreadable?.code !== undefined;
    if (unreadable?.code !== undefined)
      throw new Error(`the start of this workflow cannot be read: ${unreadable.unreadable}`);
    return next({ ...input, args: input.args.map(unboxed) });
  },
  async handleSignal(input, next) {
    return next({ ...input, args: input.args.map((arg) => checked(arg, true)) });
  },
  validateUpdate(input, next) {
    next({ ...input, args: input.args.map((arg) => checked(arg, false)) });
  },
  async handleUpdate(input, next) {
    return next({ ...input, args: input.args.map((arg) => checked(arg, true)) });
  },
  async handleQuery(input, next) {
    return next({ ...input, args: input.args.map(unboxed) });
  },
};

/** The outbound interceptor. */
export const authenticResults: WorkflowOutboundCallsInterceptor = {
  async scheduleActivity(input, next) {
    if (!isEncrypted()) return next(input);
    // Anybody can complete an activity by its id. Ids that never occur again make earlier results worthless.
    const activityId = input.options.activityId ?? uuid4();
    const result = await next({ ...input, options: { ...input.options, activityId } });
    if (result instanceof UnreadablePayload)
      throw ApplicationFailure.nonRetryable(
        `the answer of ${input.activityType} was refused: ${result.unreadable}`,
        result.code,
      );
    return result;
  },
};

/**
 * The interceptor of activations. An Update to a workflow without handlers is rejected, and the SDK would send that along
 * with the answer to the next Query, which ends the whole worker.
 */
export const onlyAnswers: WorkflowInternalsInterceptor = {
  concludeActivation(input, next) {
    const output = next(input);
    if (!isStartUnreadable) return output;
    return { ...output, commands: output.commands.filter(({ respondToQuery }) => respondToQuery) };
  },
};

/** An argument as its handler may see it: text is a string again, and a repeated message cannot be read. */
function checked(arg: unknown, remember: boolean): unknown {
  const seal = sealOf(arg);
  if (seal === undefined) return arg;
  if (seal.at < workflowInfo().runStartTime.getTime() - BEFORE_RUN_MS)
    return new UnreadablePayload('it was encrypted before this run', 'NOT_AUTHENTIC');
  if (handled.has(seal.nonce)) return new UnreadablePayload('it was sent before', 'NOT_AUTHENTIC');
  if (remember) handled.add(seal.nonce);
  return unboxed(arg);
}

const unboxed = (arg: unknown): unknown => (arg instanceof String ? arg.valueOf() : arg);
