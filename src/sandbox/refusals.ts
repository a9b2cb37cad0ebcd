/** What a sandbox has refused, and what was ended because it took too much. */
import type { Denial } from '../contract/index.ts';
import { countEnded } from './bounds/watch.ts';
import { countRefusals } from './network/proxies.ts';
import { refusedSince } from './refused-paths.ts';
import type { Walls } from './walls.ts';

/** Begins to count: the returned function lists what the sandbox of `walls` refused or ended from then on. */
export function refusalsOf(walls: Walls): () => Denial[] {
  const counts = [countRefusals(walls), refusedSince(walls), countEnded(walls.bounds)];
  return () => counts.flatMap((count) => count());
}
