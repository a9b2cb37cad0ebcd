/** Messages to a subagent that makes no progress. */

/** @param what for example `no activity for 600 s; was doing: bash: npm test` */
export const silentNudge = (what: string): string =>
  `There was ${what}. If you are waiting for something that may never happen, stop it and try another way; if it just takes long, say so and continue.`;

/** @param what for example `20 equal calls in a row, and no file changed meanwhile` */
export const repeatingNudge = (what: string): string =>
  `There were ${what}. The same call again will give the same result: find out why and try another way, or end your turn and report what blocks you. If you are waiting for something external, say so and wait longer between two checks.`;
