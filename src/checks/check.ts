import { SubagentsError, type Check } from '../contract/index.ts';
import { systemFailure } from '../system/files.ts';

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

/** The check that failed with `error`. @param remedy where the error has none */
export function failed(name: string, error: unknown, remedy: string): Check {
  const thrown = systemFailure(error) ?? error;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return fail(name, message, (thrown instanceof SubagentsError && thrown.remedy) || remedy);
}
