/**
 * Runs `look` now and then again `everyMs` milliseconds after each run ended, until stopped. Does not keep the process
 * alive.
 * @param look must never reject
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
