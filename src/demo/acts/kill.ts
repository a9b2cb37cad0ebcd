import { isFinal } from '../../contract/index.ts';
import { Git } from '../../git/git.ts';
import type { KillReport } from '../../client/index.ts';
import { signalProcess } from '../../system/process.ts';
import { countText, elapsedText, withoutWorktree } from '../narrator.ts';
import { processesIn, stillAlive, type SeenProcess } from '../process-table.ts';
import type { Stage } from '../stage.ts';
import { WRONG } from '../tasks.ts';
import { pollUntil } from '../until.ts';
import { skip } from './scene.ts';

/** The script starts at least this many processes, three of them in the background. */
const ENOUGH_PROCESSES = 4;

/** Waits until rewrite-everything does damage, kills it, and checks whether any of its processes are left. */
export async function killTheWrongOne(stage: Stage): Promise<void> {
  const { narrator, session, signal, eventTimeoutMs: timeoutMs } = stage;
  const damage = await pollUntil(() => damageOrEnd(stage), { timeoutMs, signal });
  if (damage === undefined || damage === 'ended')
    return skip(stage, 'the kill', `${WRONG} did not start the command at which it was to be killed.`);
  const { cwd, processes, files } = damage;
  narrator.report(
    WRONG,
    'damage',
    `goes wrong: ${countText(processes.length, 'process', 'processes')} of it in the process table, ${countText(files, 'file')} rewritten`,
    { processes, files },
  );
  narrator.report('main agent', 'kill', `kills ${WRONG}`);
  const began = performance.now();
  const report = await session.subagent(WRONG).kill();
  const elapsed = performance.now() - began;
  printReport(stage, report, elapsed);

  // Checked independently, by pid and start time and in the whole process table.
  const left = [...stillAlive(processes), ...stillAlive(await processesIn(cwd))];
  const pids = processes.map(({ pid }) => pid).join(', ');
  const proven = report.sweep?.proof === 'proven';
  const text =
    left.length === 0
      ? `looks at the process table itself: ${pids} are gone, and no process works in that worktree`
      : `looks at the process table itself and finds ${left.map(({ pid, command }) => `${pid} (${command})`).join(', ')}`;
  if (proven)
    narrator.check(left.length === 0, 'main agent', 'kill-proof', text, {
      pids: processes.map(({ pid }) => pid),
      left,
    });
  else
    narrator.report('main agent', 'kill-proof', `${text}. Only Linux lets the sweep find such processes`, {
      left,
    });
  for (const process of left) signalProcess(process, 'SIGKILL');
}

function printReport(
  { narrator, home }: Stage,
  { status, sweep, outcome }: KillReport,
  elapsed: number,
): void {
  const found = sweep?.found ?? 0;
  narrator.check(
    status === 'killed' && sweep !== undefined && sweep.left.length === 0,
    'main agent',
    'kill-report',
    `has the report after ${elapsedText(elapsed)}: ${status}; ${found} processes found, ${sweep?.ended ?? 0} ended, ${sweep?.left.length ?? 'unknown'} left (${sweep?.proof ?? 'no sweep'})`,
    { status, sweep, tookMs: Math.round(elapsed) },
  );
  for (const command of sweep?.commands.slice(0, 3) ?? [])
    narrator.detail(`ended: ${withoutWorktree(command, home)}`);
  const { evidence } = outcome;
  if (evidence?.savedLeftovers) narrator.detail(`its work is kept on ${evidence.branch} only`);
}

interface Damage {
  readonly cwd: string;
  readonly processes: readonly SeenProcess[];
  /** Number of files that differ from the commit it started from. */
  readonly files: number;
}

async function damageOrEnd({ session }: Stage): Promise<Damage | 'ended' | undefined> {
  const { status, cwd } = await session.subagent(WRONG).describe();
  if (isFinal(status)) return 'ended';
  const processes = cwd === undefined ? [] : await processesIn(cwd);
  if (cwd === undefined || processes.length < ENOUGH_PROCESSES) return undefined;
  const changed = await Git.at(cwd).run(['status', '--porcelain']);
  const files = changed.split('\n').filter((line) => line !== '').length;
  return files === 0 ? undefined : { cwd, processes, files };
}
