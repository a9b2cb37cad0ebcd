/** The bounds of one sandbox, and what belongs to it. */
import { z } from 'zod';
import type { BoundedResource, SandboxBounds } from '../../contract/spawn/bounds.ts';

/** The bounds of one sandbox. */
export const boundsSchema = z.strictObject({
  /** Bytes of memory that its programs may take together. */
  memory: z.number().positive(),
  /** Processes and threads that they may be together. */
  processes: z.number().int().positive(),
  /** Bytes that its folders may take. */
  disk: z.number().positive(),
  /** The folder that has an entry for each program that runs within bounds. */
  running: z.string(),
  /** The sandbox's own folder, which tells it from others. */
  sandbox: z.string(),
  /** All folders that its programs may write. */
  folders: z.array(z.string()),
}) satisfies z.ZodType<SandboxBounds>;
/** The bounds of one sandbox. */
export type Bounds = z.infer<typeof boundsSchema>;

/** An amount of what is bounded, for people. */
export function amountText(resource: BoundedResource, amount: number): string {
  if (resource === 'processes') return String(amount);
  return amount < 1e9 ? `${Math.round(amount / 1e6)} MB` : `${(amount / 1e9).toFixed(1)} GB`;
}
