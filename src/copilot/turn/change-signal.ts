/** Lets one part of a program wait until another part signals a change. */
export class ChangeSignal {
  #pending: Promise<void> | undefined;
  #resolve: () => void = () => undefined;

  /** Settles at the next notification. */
  next(): Promise<void> {
    this.#pending ??= new Promise((resolve) => (this.#resolve = resolve));
    return this.#pending;
  }

  notify(): void {
    this.#pending = undefined;
    this.#resolve();
  }
}

/** Settles at the next notification, or after `ms` milliseconds. */
export async function changeOrTimeout(signal: ChangeSignal, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  try {
    await Promise.race([signal.next(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
