/** Tool calls that a subagent's permissions did not allow, folded from the events of a turn: of the main loop and of Copilot's sub-agents. */
import { mergeDenials, type Denial, type Permissions } from '../../contract/index.ts';
import type { CopilotEvent } from '../log/events.ts';
import { mainArgument } from '../turn/words.ts';

type Call = Omit<Denial, 'count'>;

export class Denials {
  readonly #open = new Map<string, Call>();
  /** Refused when they asked. */
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

  /** What was denied, equal calls together. A read-only subagent has no tools to write: calling one of those is denied too. */
  list(permissions: Permissions = 'all'): Denial[] {
    const calls = permissions === 'read-only' ? [...this.#refused, ...this.#missing] : this.#refused;
    return mergeDenials(calls.map((call) => ({ ...call, count: 1 })));
  }
}
