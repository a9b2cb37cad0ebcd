import { megabytes } from '../../system/disk.ts';

/** What `up` reports while it runs. `message` is its text for people. */
export type UpEvent = { readonly at: string; readonly message: string } & (
  | {
      /** The server answers; `again`: it had died before. */
      readonly event: 'server-ready';
      readonly address: string;
      readonly namespace: string;
      readonly uiUrl: string;
      readonly pid: number;
      readonly again: boolean;
    }
  | {
      /** The worker polls. */
      readonly event: 'worker-ready';
      readonly workerId: string;
      /** Turns that the worker runs at once. */
      readonly slots: number;
      readonly pid: number;
      readonly again: boolean;
    }
  /** A part died by itself, and is restarted after `restartInMs`. */
  | {
      readonly event: 'died';
      readonly part: UpPart;
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly restartInMs: number;
    }
  /** A part is alive but does not answer; it is killed and replaced. */
  | { readonly event: 'silent'; readonly part: UpPart; readonly silentMs: number }
  /** A part has ended, and the disk of the home is full: it is restarted once there is space. */
  | {
      readonly event: 'no-space';
      readonly part: UpPart;
      readonly freeBytes: number;
      /** Bytes that must be free. */
      readonly neededBytes: number;
      readonly where: string;
    }
  /**
   * The record for other commands could not be written, for example because the disk of the home is full. `up` goes on.
   */
  | { readonly event: 'unwritten'; readonly problem: string }
  | { readonly event: 'stopping'; readonly part: UpPart }
  | { readonly event: 'stopped' }
);

/** The parts that `up` runs. */
export type UpPart = 'server' | 'worker';

/** An event without time and text, which `upEvent` adds. */
export type UpEventBody = UpEvent extends infer Event
  ? Event extends UpEvent
    ? Omit<Event, 'at' | 'message'>
    : never
  : never;

/** The event with its time and text. */
export function upEvent(happening: UpEventBody): UpEvent {
  return { ...happening, at: new Date().toISOString(), message: eventText(happening) };
}

function eventText(happening: UpEventBody): string {
  switch (happening.event) {
    case 'server-ready':
      return `Temporal server ${happening.again ? 'runs again' : 'ready'} at ${happening.address}`;
    case 'worker-ready':
      return `worker ${happening.workerId} ${happening.again ? 'is back' : 'ready'}, ${happening.slots} slots`;
    case 'died': {
      const how =
        happening.signal ??
        (happening.exitCode === null ? 'it did not start' : `exit code ${happening.exitCode}`);
      const when = happening.restartInMs === 0 ? 'now' : `in ${(happening.restartInMs / 1_000).toFixed(1)} s`;
      return `the ${happening.part} died (${how}); starting it again ${when}`;
    }
    case 'silent':
      return `the ${happening.part} has not answered for ${Math.round(happening.silentMs / 1_000)} s and is being replaced`;
    case 'no-space':
      return `the ${happening.part} waits for space: ${megabytes(happening.freeBytes)} are free on the disk of ${happening.where}, but it needs ${megabytes(happening.neededBytes)}`;
    case 'unwritten':
      return `could not write the file that records what runs: ${happening.problem}`;
    case 'stopping':
      return `stopping the ${happening.part}`;
    case 'stopped':
      return 'stopped';
  }
}
