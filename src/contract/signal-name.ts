/**
 * Names of signals with a description. The timeline of the Web UI shows the name of a signal, but not its arguments.
 */
import { oneLine } from './text.ts';

const MAX_NAME_CHARS = 200;

/** The name of `signal` with a description of ours: `ended: fix-login, done`. */
export const signalName = (signal: string, about: string): string =>
  oneLine(`${signal}: ${about}`, MAX_NAME_CHARS);

/** The signal of a name with or without a description. */
export const signalOf = (name: string): string => name.split(': ', 1)[0] ?? name;
