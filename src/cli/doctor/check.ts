import type { DoctorJson } from '../json.ts';

/** The result of one check. */
export type Check = DoctorJson['checks'][number];

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
