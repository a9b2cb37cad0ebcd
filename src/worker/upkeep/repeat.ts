/**
 * Looks now, and again and again, one look at a time with `everyMs` milliseconds between two, until it is stopped. It keeps no
 * process alive.
 * @param look never rejects
 */
export function repeat(look: (stopped: () => boolean) => Promise<void>, everyMs: number): { stop(): void } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const next = async (): Promise<void> => {
    await look(() => stopped);
    if (!stopped) timer = setTimeout(() => void next(), everyMs).unref();
  };
  void next();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
