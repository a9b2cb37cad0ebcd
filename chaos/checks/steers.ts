/** Checks that the model was given each prompt, steer and answer exactly once in its newest conversation. */
import { subagentWorkflowId } from '../../src/contract/index.ts';
import type { Check } from '../facts.ts';
import { expectedEnd } from '../plan.ts';
import type { Loss, Row } from '../report.ts';
import { answerText, steerText, taskOf } from '../scenario.ts';

export const steers: Check = async ({ subagents, log, agent, session }) => {
  const losses: Loss[] = [];
  const totals = { prompts: [0, 0], steers: [0, 0], answers: [0, 0] } satisfies Record<
    string,
    [number, number]
  >;
  const once = (kind: keyof typeof totals, label: string, text: string, optional = false): void => {
    const times = log.timesTold(label, text);
    if (optional && times === 0) return;
    totals[kind][0]++;
    if (times === 1) totals[kind][1]++;
    else
      losses.push({
        check: 'steers',
        label,
        what: `the model was told ${times} times: ${text.split('\n')[0] ?? ''}`,
        where: `workflow ${subagentWorkflowId(session.name, label)}`,
      });
  };
  for (const subagent of subagents) {
    const { label, kind, count } = subagent;
    const killed = expectedEnd(subagent) === 'killed';
    once('prompts', label, taskOf(subagent).split('\n')[0] ?? '', killed);
    for (let index = 1; index <= count && kind === 'steered'; index++) {
      const text = steerText(label, index);
      // A steer that was refused because the subagent had ended may be missing; one with a receipt must be there.
      const sent = agent.steered.find((each) => each.text === text);
      once('steers', label, text, sent?.receipt === undefined);
    }
    for (let index = 0; index < count && kind === 'asking'; index++)
      once('answers', label, answerText(label, `q${index}`));
  }
  const row = (name: string, [expected, got]: [number, number]): Row => ({
    name,
    expected,
    got,
    lost: expected - got,
  });
  return {
    losses,
    rows: [
      row('prompts told to the model once', totals.prompts),
      row('steers told to the model once', totals.steers),
      row('answers told to the model once', totals.answers),
    ],
  };
};
