/**
 * Checks tool calls: what began and ended according to the file in git, against the results that the model was shown.
 */
import { Git } from '../../src/git/git.ts';
import { subagentWorkflowId } from '../../src/contract/index.ts';
import type { Check, Facts } from '../facts.ts';
import type { Heard } from '../model-log.ts';
import { expectedEnd, type PlannedSubagent } from '../plan.ts';
import type { Loss } from '../report.ts';
import { CALLS_FILE } from '../scenario.ts';

export const calls: Check = async (facts) => {
  const losses: Loss[] = [];
  let issued = 0;
  let finished = 0;
  let repeated = 0;
  let rerun = 0;
  let interrupted = 0;
  let redone = 0;
  for (const subagent of facts.subagents) {
    const { label } = subagent;
    const heard = facts.log.of(label);
    const { begins, ends, branch } = await readCalls(facts, subagent);
    const where = `workflow ${subagentWorkflowId(facts.session.name, label)}, git show ${branch}:${CALLS_FILE}`;
    const lose = (what: string): void => void losses.push({ check: 'calls', label, what, where });
    const shells = heard.issued.filter(({ step }) => !/\.ask\d/.test(step));
    issued += shells.length;
    for (const { id } of shells) {
      const [began, ended] = [begins.get(id) ?? 0, ends.get(id) ?? 0];
      const known = heard.finished.has(id);
      if (known) finished++;
      else interrupted++;
      if (began > 1 && (ended > 0 || known)) {
        repeated++;
        lose(`the finished call ${id} ran ${began} times`);
      } else if (began > 1) rerun++;
      if (known && ended === 0 && keepsWork(subagent))
        lose(`what the finished call ${id} wrote is not on the branch`);
    }
    for (const [earlier, later] of repeatedSteps(heard)) {
      if (heard.finished.has(earlier)) {
        repeated++;
        lose(
          `the model had the result of ${earlier}, and then was not shown it: it called again as ${later}`,
        );
      } else if (ends.has(earlier)) redone++;
    }
  }
  return {
    losses,
    rows: [
      { name: 'tool calls made by the model', got: issued, lost: 0 },
      { name: 'of them finished, with their result shown', got: finished, lost: 0 },
      { name: 'finished calls repeated', expected: 0, got: repeated, lost: repeated },
      { name: 'calls cut short or moved to the background', got: interrupted, lost: 0 },
      { name: 'of them run again by Copilot', got: rerun, lost: 0 },
      { name: 'of them ended all the same, and called again by the model', got: redone, lost: 0 },
    ],
  };
};

/** Whether all finished calls must be on the branch; the last ones of a killed subagent need not be. */
const keepsWork = (subagent: PlannedSubagent): boolean => expectedEnd(subagent) !== 'killed';

/** Pairs of successive calls of the same step. */
function repeatedSteps({ issued }: Heard): [string, string][] {
  return issued.flatMap(({ id, step }, index) => {
    const later = issued.slice(index + 1).find((each) => each.step === step);
    return later === undefined ? [] : [[id, later.id] satisfies [string, string]];
  });
}

async function readCalls({ repo }: Facts, { label }: PlannedSubagent) {
  const branch = `subagents/${label}`;
  const text = await Git.at(repo)
    .run(['show', `${branch}:${CALLS_FILE}`])
    .catch(() => '');
  const begins = new Map<string, number>();
  const ends = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [what = '', id = ''] = line.split(' ');
    const counts = what === 'begin' ? begins : ends;
    if (id !== '') counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return { branch, begins, ends };
}
