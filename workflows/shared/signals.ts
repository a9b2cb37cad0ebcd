/** Signals of programs of ours: each is parsed, and a name may say what it is about (`signalName`). */
import { setDefaultSignalHandler } from '@temporalio/workflow';
import type { z } from 'zod';
import { check, firstProblem, signalOf } from '../../src/contract/index.ts';

/** Does what a signal asks for, or says what is wrong with its argument. */
type Handler = (given: unknown) => { readonly problem?: string; readonly work?: Promise<void> };

/** Calls `handle` with the argument of a signal that fits its schema. */
export function signalWith<T extends z.ZodType>(
  schema: T,
  handle: (signal: z.output<T>) => Promise<void> | void,
): Handler {
  return (given) => {
    const parsed = check(schema, given);
    if (!parsed.success) return { problem: firstProblem(parsed.error) };
    const work = handle(parsed.data);
    return work ? { work } : {};
  };
}

/** Calls `handle` for a signal without an argument. */
export const signalAlone =
  (handle: () => void): Handler =>
  () => {
    handle();
    return {};
  };

/**
 * Handles signals by name; what cannot be read, or is called otherwise, is told to `leaveOut`. To be called after the handlers
 * of all other signals: what came before is given out at once.
 */
export function handleSignals(
  leaveOut: (name: string, why: string) => void,
  handlers: Readonly<Record<string, Handler>>,
): void {
  setDefaultSignalHandler(async (name, given) => {
    const signal = signalOf(name);
    const handle = Object.hasOwn(handlers, signal) ? handlers[signal] : undefined;
    const { problem, work } = handle?.(given) ?? { problem: 'there is no such signal' };
    if (problem !== undefined) leaveOut(signal, problem);
    await work;
  });
}
