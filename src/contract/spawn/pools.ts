/** What is said of a pool whose workers all refuse a subagent. */
import type { Refusal } from '../protocol/activities.ts';

/** Number of refusals that a message quotes. */
const MAX_QUOTED = 20;

/** Every reason why no worker of the pool takes the subagent. */
export function allRefusedText(pool: string, refusals: readonly Refusal[]): string {
  const reasons = refusals
    .slice(0, MAX_QUOTED)
    .map(({ worker, reason }) => (worker === undefined ? reason : `${worker}: ${reason}`));
  const more = refusals.length - MAX_QUOTED;
  return `no worker of pool ${pool} takes it: ${reasons.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

/** The refusal of a whole pool: of the only worker that was asked, or of all of them with every reason. */
export function poolRefusal(pool: string, refusals: readonly [Refusal, ...Refusal[]]): Refusal {
  const [first, ...others] = refusals;
  const sameCode = others.every(({ code }) => code === first.code);
  const remedy = refusals.find((each) => each.remedy !== undefined)?.remedy;
  return {
    admitted: false,
    // With different codes, the first one is as good as any: the reason has them all.
    code: sameCode ? first.code : (others.find(({ code }) => code !== 'NO_WORKER') ?? first).code,
    reason: allRefusedText(pool, refusals),
    ...(remedy !== undefined && { remedy }),
  };
}
