/** Lets one part of a program wait until another part signals a change. */
export class ChangeSignal {
  #beaten: Promise<void> | undefined;
  #resolve: () => void = () => undefined;

  /** Settles at the next notification. */
  next(): Promise<void> {
    this.#beaten ??= new Promise((resolve) => (this.#resolve = resolve));
    return this.#beaten;
  }

  notify(): void {
    this.#beaten = undefined;
    this.#resolve();
  }
}

/** Settles at the next notification, or after `ms` milliseconds. */
export async function changeOrTimeout(pulse: ChangeSignal, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  try {
    await Promise.race([pulse.next(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
