/** Milliseconds since the epoch, with fractions: comparable with what the scripted model notes and with Temporal's own times. */
export const now = (): number => performance.timeOrigin + performance.now();
