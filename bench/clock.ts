/** Milliseconds since the epoch, with fractions: comparable with the scripted model's times and with Temporal's. */
export const now = (): number => performance.timeOrigin + performance.now();
