/** The texts of an error that leaves an activity. They do not go through a codec. */
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
        // Where what was expected was thrown says nothing, and stands before everything else where it is shown.
        if (each instanceof ApplicationFailure || each instanceof SubagentsError) each.stack = '';
        else if (each.stack !== undefined) each.stack = this.#rewrite(each.stack);
      }
      throw error;
    }
  }
}
