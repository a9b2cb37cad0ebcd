/**
 * Signals between our own programs. Each argument is parsed, and a signal's name may be followed by what it is about
 * (`signalName`).
 */
import { setDefaultSignalHandler } from '@temporalio/workflow';
import type { z } from 'zod';
import { validate, firstProblem, signalOf } from '../../src/contract/index.ts';

/** Handles a signal, or returns what is wrong with its argument. */
type Handler = (given: unknown) => { readonly problem?: string; readonly work?: Promise<void> };

/** Calls `handle` with the argument of a signal if it fits the schema. */
export function handleWithArgument<T extends z.ZodType>(
  schema: T,
  handle: (signal: z.output<T>) => Promise<void> | void,
): Handler {
  return (given) => {
    const parsed = validate(schema, given);
    if (!parsed.success) return { problem: firstProblem(parsed.error) };
    const work = handle(parsed.data);
    return work ? { work } : {};
  };
}

/** Calls `handle` for a signal that has no argument. */
export const handleWithoutArgument =
  (handle: () => void): Handler =>
  () => {
    handle();
    return {};
  };

/**
 * Handles signals by name. Passes signals with an unknown name or an invalid argument to `leaveOut`. Must be called
 * after the handlers of all other signals are set: buffered signals are delivered at once.
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
