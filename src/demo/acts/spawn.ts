import { SubagentsError } from '../../contract/index.ts';
import { elapsedText } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import { tasks } from '../tasks.ts';

/** Spawns the three subagents in one call. @returns the run id of each, by label */
export async function spawnThree(stage: Stage): Promise<ReadonlyMap<string, string>> {
  const { narrator, session, repo } = stage;
  const specs = tasks(repo);
  narrator.report('main agent', 'spawn', `spawns ${specs.map(({ label }) => label).join(', ')} in one call`);
  const began = performance.now();
  const answers = await session.spawn(specs);
  const elapsed = performance.now() - began;
  const runs = new Map<string, string>();
  for (const answer of answers) {
    if (!answer.accepted) {
      throw new SubagentsError('INTERNAL', `${answer.label} was refused: ${answer.reason}`, {
        remedy: answer.remedy,
      });
    }
    runs.set(answer.label, answer.runId);
  }
  narrator.check(
    runs.size === specs.length,
    'main agent',
    'spawned',
    `has ${runs.size} of ${specs.length} accepted after ${elapsedText(elapsed)}, each a running workflow, and is free`,
    { tookMs: Math.round(elapsed), runs: Object.fromEntries(runs) },
  );
  for (const label of runs.keys()) {
    const { copilotSessionId } = await session.subagent(label).describe();
    if (copilotSessionId !== undefined) stage.copilotSessions.add(copilotSessionId);
  }
  return runs;
}
