/** Names of signals that say what they are about: a timeline shows the name of a signal, and nothing of what is in it. */
import { oneLine } from './text.ts';

const MAX_NAME_CHARS = 200;

/** The name of `signal` with what it is about, in words of ours: `ended: fix-login, done`. */
export const signalName = (signal: string, about: string): string =>
  oneLine(`${signal}: ${about}`, MAX_NAME_CHARS);

/** The signal of that name, with or without what it is about. */
export const signalOf = (name: string): string => name.split(': ', 1)[0] ?? name;
