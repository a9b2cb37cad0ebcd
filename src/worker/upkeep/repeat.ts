/**
 * Runs `check` now and then `intervalMs` milliseconds after the previous run ended, until stopped. Does not keep the
 * process alive.
 * @param check must never reject
 */
export function repeat(
  check: (stopped: () => boolean) => Promise<void>,
  intervalMs: number,
): { stop(): void } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const next = async (): Promise<void> => {
    await check(() => stopped);
    if (!stopped) timer = setTimeout(() => void next(), intervalMs).unref();
  };
  void next();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
