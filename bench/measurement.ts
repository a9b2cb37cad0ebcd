import type { Figure } from './figure.ts';

/** What every measurement is given. */
export interface Conditions {
  /** How often to repeat it. */
  readonly runs: number;
  /** One line of progress. */
  readonly progress: (line: string) => void;
}

/** One measurement: opens what it needs, closes it, and gives its figures. */
export interface Measurement {
  readonly name: string;
  /** Unless `--runs` says otherwise. */
  readonly defaultRuns: number;
  readonly measure: (conditions: Conditions) => Promise<Figure[]>;
}
