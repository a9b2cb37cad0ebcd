/** Rewrites the texts of an error that leaves an activity, because errors do not pass through a codec. */
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { SubagentsError } from '../../contract/index.ts';

/** Rewrites message and stack of the error that an activity throws, and of each of its causes. */
export class RewriteErrors implements ActivityInboundCallsInterceptor {
  readonly #rewrite: (text: string) => string;

  constructor(rewrite: (text: string) => string) {
    this.#rewrite = rewrite;
  }

  async execute(
    input: ActivityExecuteInput,
    next: Next<ActivityInboundCallsInterceptor, 'execute'>,
  ): Promise<unknown> {
    try {
      return await next(input);
    } catch (error) {
      for (let each = error; each instanceof Error; each = each.cause) {
        each.message = this.#rewrite(each.message);
        // The stack of an expected error says nothing, and would be shown before everything else.
        if (each instanceof ApplicationFailure || each instanceof SubagentsError) each.stack = '';
        else if (each.stack !== undefined) each.stack = this.#rewrite(each.stack);
      }
      throw error;
    }
  }
}
