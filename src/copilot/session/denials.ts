/**
 * Tool calls that a subagent's permissions denied, folded from the events of a turn, including those of Copilot's
 * sub-agents.
 */
import { mergeDenials, type Denial, type Permissions } from '../../contract/index.ts';
import type { CopilotEvent } from '../log/events.ts';
import { mainArgument } from '../turn/describe-tool.ts';

type Call = Omit<Denial, 'count'>;

/** Collects the denied calls of one turn. */
export class Denials {
  readonly #open = new Map<string, Call>();
  /** Calls whose permission request was refused. */
  readonly #refused: Call[] = [];
  /** Calls of tools that the session does not have. */
  readonly #missing: Call[] = [];

  apply(event: CopilotEvent): void {
    if (event.type === 'tool.execution_start') {
      const { toolCallId, toolName, arguments: args } = event.data;
      this.#open.set(toolCallId, { tool: toolName, what: mainArgument(args) ?? '' });
    } else if (event.type === 'tool.execution_complete') {
      const { toolCallId, error } = event.data;
      const call = this.#open.get(toolCallId);
      this.#open.delete(toolCallId);
      if (call === undefined || error === undefined) return;
      if (error.code === 'denied') this.#refused.push(call);
      else if (/^Tool '[^']*' does not exist/.test(error.message)) this.#missing.push(call);
    }
  }

  /**
   * Denied calls, with equal ones merged. A read-only subagent has no write tools, so its calls of missing tools count
   * as denied.
   */
  list(permissions: Permissions = 'all'): Denial[] {
    const calls = permissions === 'read-only' ? [...this.#refused, ...this.#missing] : this.#refused;
    return mergeDenials(calls.map((call) => ({ ...call, count: 1 })));
  }
}
