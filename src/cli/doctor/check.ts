/** The result of one check. */
export interface Check {
  readonly name: string;
  readonly result: 'ok' | 'warn' | 'fail';
  /** What was found. */
  readonly detail: string;
  /** What to do now; with every result but `ok`. */
  readonly remedy?: string;
}

/** A check without a problem. */
export const ok = (name: string, detail: string): Check => ({ name, result: 'ok', detail });
/** A check that found something that does not work yet, or not in every case. */
export const warn = (name: string, detail: string, remedy: string): Check => ({
  name,
  result: 'warn',
  detail,
  remedy,
});
/** A check that found that subagents cannot work here. */
export const fail = (name: string, detail: string, remedy: string): Check => ({
  name,
  result: 'fail',
  detail,
  remedy,
});
