import type { Figure } from './figure.ts';

/** The input of a measurement. */
export interface Conditions {
  /** Number of repetitions. */
  readonly runs: number;
  /** Reports one line of progress. */
  readonly progress: (line: string) => void;
}

/** One measurement: sets up what it needs, cleans up, and returns its figures. */
export interface Measurement {
  readonly name: string;
  /** Number of repetitions without `--runs`. */
  readonly defaultRuns: number;
  readonly measure: (conditions: Conditions) => Promise<Figure[]>;
}
