import { Subagents } from 'durable-subagents';

await using subagents = await Subagents.connect();
const session = subagents.session('release-1.4');

const spawned = await session.spawn([
  { label: 'changelog', task: 'Write CHANGELOG.md from the commits since the last tag, and commit.' },
  { label: 'licences', task: 'List the licences of all dependencies in LICENCES.md, and commit.' },
]);
const live = new Set(spawned.filter(({ accepted }) => accepted).map(({ label }) => label));

// Free until something comes. Asking for the next announcement acknowledges the one before.
for await (const announcement of session.announcements()) {
  const { kind, label, summary } = announcement;
  console.log(`${label} ${kind}: ${summary}`);
  if (kind === 'question') await session.subagent(label).answer('Decide yourself.');
  if (kind === 'completed' || kind === 'failed' || kind === 'killed') live.delete(label);
  if (live.size === 0) {
    await announcement.acknowledge();
    break;
  }
}
