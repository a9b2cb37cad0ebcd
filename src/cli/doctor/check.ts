/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly result: 'ok' | 'warn' | 'fail';
  /** What was found. */
  readonly detail: string;
  /** What to do now; with every result but `ok`. */
  readonly remedy?: string;
}

/** All is well. */
export const ok = (name: string, detail: string): Check => ({ name, result: 'ok', detail });
/** Something does not work yet, or not for everything. */
export const warn = (name: string, detail: string, remedy: string): Check => ({
  name,
  result: 'warn',
  detail,
  remedy,
});
/** Subagents cannot work here. */
export const fail = (name: string, detail: string, remedy: string): Check => ({
  name,
  result: 'fail',
  detail,
  remedy,
});
