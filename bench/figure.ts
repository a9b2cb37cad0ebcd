/** The output of the benchmark: figures, each with its goal and its peer's value. */
import { z } from 'zod';

const figure = z.strictObject({
  name: z.string(),
  unit: z.enum([
    'ms',
    'MB',
    'KB',
    'events',
    'events/h',
    'requests',
    'processes',
    'tasks',
    'actions',
    'share',
  ]),
  value: z.number(),
  goal: z.number().optional().describe('in the same unit: the value should not be larger'),
  peer: z
    .number()
    .optional()
    .describe(
      'the same of bare `copilot -p` (of prepare: `git worktree add`; of encryption and sandbox: without it), measured in the same run',
    ),
});
export type Figure = z.infer<typeof figure>;

/** The JSON output of `--json`. */
export const report = z.strictObject({ figures: z.array(figure) });

/** Prefix of the names of hop figures, which are in the order in which the hops happen. */
export const HOP_PREFIX = 'hop: ';

/** The value that a `share` (0 to 1) of `values` does not exceed, by nearest rank; NaN if there are no values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Median and 95th percentile of delays in milliseconds, with a goal for the median. */
export function latency(name: string, delays: readonly number[], goal: number): Figure[] {
  return [
    { name: `${name}-p50`, unit: 'ms', value: rounded(median(delays)), goal },
    { name: `${name}-p95`, unit: 'ms', value: rounded(quantile(delays, 0.95)) },
  ];
}

/** Medians of our values and the peer's, with a goal as a share of the peer's. */
export function besidePeer(
  name: string,
  unit: Figure['unit'],
  { ours, peers }: { readonly ours: readonly number[]; readonly peers: readonly number[] },
  share: number,
): Figure[] {
  const peer = rounded(median(peers));
  return [{ name, unit, value: rounded(median(ours)), goal: rounded(share * peer), peer }];
}

/** Rounded to one decimal. */
export const rounded = (value: number): number => Math.round(value * 10) / 10;
