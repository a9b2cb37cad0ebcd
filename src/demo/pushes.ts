/** Announcements that the session pushes to its main agent: printed on arrival, and kept for the summary. */
import type { Announcement, SessionHandle } from '../client/index.ts';
import { asError, type Narrator } from './narrator.ts';

/** The answer to a subagent that asks a question, because the demo has no one to answer. */
const NO_ANSWER = 'Nobody can answer. Use your own judgement.';

export class Pushes {
  readonly received: Announcement[] = [];
  readonly #session: SessionHandle;
  readonly #narrator: Narrator;
  #failure: Error | undefined;

  constructor(session: SessionHandle, narrator: Narrator) {
    this.#session = session;
    this.#narrator = narrator;
  }

  /** Receives announcements until `signal` is aborted. */
  async receive(signal: AbortSignal): Promise<void> {
    try {
      for await (const announcement of this.#session.announcements({ signal })) {
        this.received.push(announcement);
        await this.#print(announcement);
      }
    } catch (error) {
      if (!signal.aborted) this.#failure = asError(error);
    }
  }

  /** The announcements of ends, once there is one for each of `labels`. @throws the error that ended the iteration */
  endsOf(labels: readonly string[]): Announcement[] | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    const ends = this.received.filter(
      ({ kind }) => kind === 'completed' || kind === 'failed' || kind === 'killed',
    );
    return labels.every((label) => ends.some((end) => end.label === label)) ? ends : undefined;
  }

  /** Reports whether each end was announced exactly once. */
  summary(labels: readonly string[]): void {
    const ends = this.endsOf(labels) ?? [];
    this.#narrator.check(
      ends.length === labels.length &&
        new Set(this.received.map(({ id }) => id)).size === this.received.length,
      'main agent',
      'announcements',
      `got ${ends.length} announcements of the ends of ${labels.length} subagents, each once`,
      { ids: ends.map(({ id }) => id) },
    );
  }

  async #print({ kind, label, summary, id, status }: Announcement): Promise<void> {
    this.#narrator.report(
      'main agent',
      'announcement',
      `gets an announcement: ${label} ${kind}. ${summary}`,
      {
        id,
        label,
        kind,
        status,
      },
    );
    if (kind === 'question') await this.#session.subagent(label).answer(NO_ANSWER);
  }
}
