/** Sends a subagent's announcements before its end to its session. */
import {
  SESSION,
  signalName,
  type AnnounceSignal,
  type Announcement,
  type SubagentInput,
  type SubagentRef,
} from '../../src/contract/index.ts';
import { announce } from './outcome.ts';
import type { StatusPublisher } from './status-publisher.ts';
import { signalSession } from '../shared/signal-session.ts';

export class Announcer {
  readonly #input: SubagentInput;
  readonly #ids: Pick<SubagentRef, 'workflowId' | 'runId'>;
  readonly #status: StatusPublisher;
  #count = 0;

  constructor(input: SubagentInput, { workflowId, runId }: SubagentRef, status: StatusPublisher) {
    this.#input = input;
    this.#ids = { workflowId, runId };
    this.#status = status;
  }

  /** Announces `summary`; settles once the session has the announcement. */
  async announce(
    kind: Announcement['kind'],
    summary: string,
    about: Pick<Announcement, 'approval'> = {},
  ): Promise<void> {
    const key = `${kind}:${++this.#count}`;
    const signal: AnnounceSignal = {
      announcement: announce(this.#input, this.#ids, {
        key,
        kind,
        status: this.#status.status,
        summary,
        ...about,
      }),
    };
    const name = signalName(SESSION.announce, `${kind} of ${this.#input.label}`);
    await signalSession(this.#input.session, name, signal);
  }
}
