/** No announcement twice or never: an outbox driven by random events, against the plainest account of what it must hold. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_RECEIVER, type Announcement, type SessionEntry } from '../../src/contract/index.ts';
import {
  recordAcknowledgement,
  overflow,
  post,
  archive,
  unacknowledged,
} from '../../workflows/session/outbox.ts';
import {
  emptySession,
  recordEnd,
  recordStart,
  type SessionState,
} from '../../workflows/session/session-state.ts';

const AT = '2026-01-01T00:00:00.000Z';
/** So long that twenty of them are more than one run of a session carries, and fifty more than one answer holds. */
const LONG = 'x'.repeat(20_000);

const announcement = (id: string): Announcement => ({
  id,
  kind: 'notice',
  session: 's',
  label: 'a',
  run: 1,
  workflowId: 'w',
  runId: 'r',
  status: 'working',
  summary: LONG,
  at: AT,
});
const entry = (label: string): SessionEntry => ({
  label,
  run: 1,
  workflowId: `w/${label}`,
  runId: label,
  status: 'working',
  task: 't',
  repo: '/r',
  branch: null,
  startedAt: AT,
});

/** What can happen to an outbox. Numbers choose from what there is. */
type Event =
  | { readonly do: 'announce'; readonly count: number }
  | { readonly do: 'announce-again'; readonly which: number }
  | { readonly do: 'start' }
  | { readonly do: 'end'; readonly which: number }
  | {
      readonly do: 'acknowledge';
      readonly who: number;
      readonly upTo: number;
      readonly also: readonly number[];
    }
  | { readonly do: 'continue-as-new' };

const RECEIVERS = [DEFAULT_RECEIVER, 'editor'];
const number = fc.nat({ max: 10_000 });
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ do: fc.constant('announce' as const), count: fc.constantFrom(1, 3, 20) }),
  fc.record({ do: fc.constant('announce-again' as const), which: number }),
  fc.record({ do: fc.constant('start' as const) }),
  fc.record({ do: fc.constant('end' as const), which: number }),
  fc.record({
    do: fc.constant('acknowledge' as const),
    who: fc.nat({ max: RECEIVERS.length - 1 }),
    upTo: number,
    also: fc.array(number, { maxLength: 3 }),
  }),
  fc.record({ do: fc.constant('continue-as-new' as const) }),
);

/** A session's state beside what each receiver has still to be told, oldest first. */
class Model {
  state: SessionState = emptySession();
  readonly told: string[] = [];
  readonly owed = new Map<string, string[]>([[DEFAULT_RECEIVER, []]]);
  #count = 0;

  happen(event: Event): void {
    const { state } = this;
    switch (event.do) {
      case 'announce':
        for (let i = 0; i < event.count; i++) this.#post(`n${this.#count++}`);
        break;
      case 'announce-again': {
        // A signal that comes twice; what everybody has is forgotten, and nobody sends it any more.
        const unread = [...this.owed.values()].find((ids) => ids.length > 0);
        if (unread) post(state, announcement(pick(unread, event.which)));
        break;
      }
      case 'start':
        recordStart(state, entry(`label-${this.#count++}`));
        break;
      case 'end': {
        const live = Object.values(state.live);
        if (live.length === 0) break;
        const { label } = pick(live, event.which);
        const signal = {
          announcement: announcement(`${label}@1:ended`),
          entry: { ...entry(label), status: 'done' as const, endedAt: AT },
        };
        expect(recordEnd(state, signal)).toBe(true);
        this.#owe(signal.announcement.id);
        // Its session looks after it too: an end may be told twice.
        expect(recordEnd(state, signal)).toBe(false);
        break;
      }
      case 'acknowledge': {
        const receiver = RECEIVERS[event.who] ?? DEFAULT_RECEIVER;
        const owed = this.owed.get(receiver) ?? seen(state, receiver);
        const upTo = owed.length > 0 ? pick(owed, event.upTo) : undefined;
        const ids = owed.length > 0 ? event.also.map((which) => pick(owed, which)) : [];
        recordAcknowledgement(state, { receiver, ids, ...(upTo !== undefined && { upTo }) });
        const had = upTo === undefined ? -1 : owed.indexOf(upTo);
        this.owed.set(
          receiver,
          owed.filter((id, index) => index > had && !ids.includes(id)),
        );
        break;
      }
      case 'continue-as-new':
        for (let items = overflow(state); items.length > 0; items = overflow(state))
          archive(state, `page-${items[0]?.seq}`, items);
        this.state = JSON.parse(JSON.stringify(state)) as SessionState;
    }
  }

  #post(id: string): void {
    post(this.state, announcement(id));
    this.#owe(id);
  }

  #owe(id: string): void {
    this.told.push(id);
    for (const ids of this.owed.values()) ids.push(id);
  }
}

const pick = <T>(all: readonly T[], which: number): T => all[which % all.length] as T;

/** The ids that a receiver is shown, page after page and answer after answer. */
function seen(state: SessionState, receiver: string): string[] {
  const first = unacknowledged(state, receiver);
  const ids = [...first.pages.flatMap((page) => page.ids), ...first.announcements.map(({ id }) => id)];
  for (let { next } = first; next !== null;) {
    const more = unacknowledged(state, receiver, next);
    ids.push(...more.announcements.map(({ id }) => id));
    ({ next } = more);
  }
  return ids;
}

describe('every announcement', () => {
  it('is shown to each receiver until that has it, once, and in its order', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const model = new Model();
        for (const each of events) {
          model.happen(each);
          for (const [receiver, owed] of model.owed) expect(seen(model.state, receiver)).toEqual(owed);
        }
      }),
    );
  });
});
