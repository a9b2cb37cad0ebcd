/** `deliverSteer`: delivers a message of the main agent to a running turn. */
import { cancellationSignal, Context } from '@temporalio/activity';
import type { ControlActivities, DeliverInput, DeliverResult, Receipt } from '../../src/contract/index.ts';
import { readEventLog } from '../../src/copilot/log/event-log.ts';
import { turnNumber } from '../../src/copilot/turn/live-turn.ts';
import { steerMarker } from '../../src/prompts/index.ts';
import type { CopilotPool } from '../../src/copilot/runtime/pool.ts';
import { RuntimeDied } from '../../src/copilot/runtime/runtime.ts';
import { TurnState, type Arrival } from '../../src/copilot/turn/turn-state.ts';

/** What `deliverSteer` needs of its worker. */
export interface DeliverDependencies {
  readonly pool: CopilotPool;
}

/** How long to wait for a turn to begin on this worker; then the steer is held for the next turn. */
const MAX_BEGIN_MS = 60_000;

/** Creates the `deliverSteer` activity. */
export function createDeliverActivities(deps: DeliverDependencies): Pick<ControlActivities, 'deliverSteer'> {
  return {
    async deliverSteer(input: DeliverInput): Promise<DeliverResult> {
      const { cancelled } = Context.current();
      const { copilotSessionId } = input.subagent;
      const live = await Promise.race([
        deps.pool.turns.waitFor(copilotSessionId, turnNumber(input.subagent, input.turn), MAX_BEGIN_MS),
        cancelled,
      ]);
      try {
        // Delivery can take long behind a silent model call; a stopping worker must not wait for it.
        const delivered = await Promise.race([
          live?.deliver(input.steerId, input.message, { interrupt: input.interrupt === true }),
          cancelled,
        ]);
        if (delivered)
          return { kind: 'delivered', receipt: receipt(input.steerId, delivered, delivered.during) };
      } catch (error) {
        if (error instanceof RuntimeDied) return { kind: 'lost', who: 'runtime', reason: error.message };
        if (cancellationSignal().aborted) throw error;
        // Copilot refused the steer. A steer that was not delivered is held for the next turn, whatever the reason.
      }
      // A turn that is being closed still writes its log.
      await deps.pool.turns.closed(copilotSessionId);
      // The steer may have been delivered before a crash or the turn's end, with only the receipt lost.
      const arrival = await persisted(deps.pool.copilotHome, input);
      return arrival === undefined
        ? { kind: 'no-turn' }
        : { kind: 'delivered', receipt: receipt(input.steerId, arrival) };
    },
  };
}

async function persisted(
  copilotHome: string,
  { subagent, steerId }: DeliverInput,
): Promise<Arrival | undefined> {
  const state = new TurnState();
  for (const event of await readEventLog(copilotHome, subagent.copilotSessionId)) state.apply(event);
  return state.arrivals.get(steerMarker(steerId));
}

function receipt(id: string, arrival: Arrival & { interrupted?: boolean }, during?: string): Receipt {
  return {
    id,
    delivery: arrival.interrupted ? 'interrupted' : deliveryOf(arrival),
    at: arrival.at,
    ...(during !== undefined && { during }),
  };
}

/** Converts Copilot's name for the delivery to ours. */
function deliveryOf({ delivery }: Arrival): Receipt['delivery'] {
  if (delivery === 'steering') return 'mid-turn';
  return delivery === 'idle' ? 'started-turn' : 'queued-behind-tool';
}
