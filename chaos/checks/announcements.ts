/** Checks that every end and question reached both receivers, and the one that drops duplicates exactly once. */
import { sessionWorkflowId } from '../../src/contract/index.ts';
import type { Check, Facts } from '../facts.ts';
import type { Loss } from '../report.ts';
import type { Received } from '../receivers.ts';

export const announcements: Check = async (facts) => {
  const { subagents, stayed, cameAndWent, session } = facts;
  const losses: Loss[] = [];
  const where = `workflow ${sessionWorkflowId(session.name)}`;
  const lose = (what: string, label?: string): void =>
    void losses.push({ check: 'announcements', what, where, ...(label !== undefined && { label }) });
  let ends = 0;
  for (const { label } of subagents) {
    const ids = [...stayed.first.values()].filter(
      (each) => each.label === label && each.id.endsWith(':ended'),
    );
    if (ids.length === 1) ends++;
    else lose(`its end was announced under ${ids.length} ids`, label);
  }
  for (const { label, kind, count } of subagents) {
    if (kind !== 'asking') continue;
    const questions = [...stayed.first.values()].filter(
      (each) => each.label === label && each.kind === 'question',
    );
    if (questions.length !== count)
      lose(`its ${count} questions were announced under ${questions.length} ids`, label);
  }
  const twice = [...stayed.counts].filter(([, count]) => count > 1);
  for (const [id, count] of twice) lose(`${id} came ${count} times to the receiver that stayed`);
  // Both receivers must have the same announcements.
  const missing = [...missingFrom(cameAndWent, stayed), ...missingFrom(stayed, cameAndWent)];
  for (const id of missing) lose(`${id} came to one receiver and not to the other`);
  const left = await unacknowledged(facts);
  for (const id of left) lose(`${id} is still unacknowledged though it was received`);
  return {
    losses,
    rows: [
      { name: 'ends announced once', expected: subagents.length, got: ends, lost: subagents.length - ends },
      { name: 'announcements received by the one that stays', got: stayed.counts.size, lost: twice.length },
      {
        name: 'the same by the one that comes and goes',
        expected: stayed.counts.size,
        got: cameAndWent.counts.size,
        lost: missing.length,
      },
      { name: 'delivered to that one again', got: cameAndWent.repeated, lost: 0 },
      { name: 'left unacknowledged', expected: 0, got: left.length, lost: left.length },
    ],
  };
};

const missingFrom = (one: Received, other: Received): string[] =>
  [...other.counts.keys()].filter((id) => !one.counts.has(id));

/**
 * Announcements that the staying receiver got but has not acknowledged. The last one is acknowledged when the next is
 * requested, so one may remain.
 */
async function unacknowledged({ session, stayed }: Facts): Promise<string[]> {
  const left = await session.peek({ receiver: 'main' });
  return left
    .map(({ id }) => id)
    .filter((id) => stayed.counts.has(id))
    .slice(1);
}
