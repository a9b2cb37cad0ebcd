/** Formats subagents as the text of an answer. */
import {
  DELIVERIES,
  caveatDescriptions,
  kindsOf,
  durationText,
  STALLS,
  type Status,
} from '../contract/index.ts';
import type { SubagentAnswer } from './view.ts';

/** The text for one subagent: a line of facts, then `more`, then the subagent's fenced words. */
export function subagentText(view: SubagentAnswer, more: readonly string[] = []): string {
  const name = `${view.label}@${view.run}`;
  const facts = [
    ...stallText(view.stalled),
    ...(view.status === undefined ? [] : [statusText(view.status, view.caveats)]),
    ...(view.since === undefined ? [] : [`since ${view.since} (${ago(view.since)})`]),
    ...(view.cleanedAt === undefined ? [] : ['cleaned']),
    ...(view.receipt === undefined ? [] : [`steered: ${DELIVERIES[view.receipt.delivery]}`]),
    ...(view.answered === true
      ? [`answered ${view.answeredQuestion}${view.repeated ? ', same answer as before' : ''}`]
      : []),
    ...(view.questions === undefined || view.questions.length === 0
      ? []
      : [`${view.answered ? 'still asks' : 'asks'} (${view.questions.join(', ')})`]),
  ];
  return [
    facts.length === 0 ? name : `${name}: ${facts.join(', ')}`,
    ...more.map((line) => `  ${line}`),
    ...(view.link === undefined ? [] : [`  ${view.link}`]),
    ...(view.error === undefined ? [] : errorLines(view.error)),
    ...(view.words === undefined ? [] : [view.words]),
  ].join('\n');
}

/** Why the subagent makes no progress. Contains no text from the subagent. */
function stallText(stalled: SubagentAnswer['stalled']): string[] {
  if (stalled === undefined) return [];
  const { state, words } = STALLS[stalled.reason];
  return [`${state.toUpperCase()}, ${words}, since ${stalled.since} (${ago(stalled.since)})`];
}

/** The status with the kinds of caveats. */
function statusText(status: Status, caveats: SubagentAnswer['caveats'] = []): string {
  return caveats.length === 0 ? status : `${status}, but: ${caveatDescriptions(kindsOf(caveats))}`;
}

function errorLines({ code, message, remedy }: NonNullable<SubagentAnswer['error']>): string[] {
  return [`  error ${code}: ${message}`, ...(remedy === undefined ? [] : [`  What to do: ${remedy}`])];
}

const ago = (at: string): string => `${durationText(Date.now() - Date.parse(at))} ago`;
