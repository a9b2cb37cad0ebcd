/** A subagent in the text of a result: our words, then its own, fenced. */
import {
  DELIVERIES,
  caveatDescriptions,
  kindsOf,
  durationText,
  STALLS,
  type ApprovalReceipt,
  type Caveat,
  type ErrorReport,
  type Receipt,
  type Stalled,
  type Status,
} from '../contract/index.ts';

/** What a result has of one subagent. */
interface Shown {
  readonly label: string;
  readonly run: number;
  readonly status?: Status | undefined;
  readonly since?: string | undefined;
  readonly cleanedAt?: string | undefined;
  readonly stalled?: Pick<Stalled, 'reason' | 'since'> | undefined;
  readonly link?: string | undefined;
  readonly receipt?: Pick<Receipt, 'delivery'> | undefined;
  readonly answered?: boolean | undefined;
  readonly answeredQuestion?: string | undefined;
  readonly repeated?: boolean | undefined;
  readonly questions?: readonly string[] | undefined;
  readonly approvals?: readonly string[] | undefined;
  readonly decided?: Pick<ApprovalReceipt, 'approvalId' | 'decision' | 'also'> | undefined;
  readonly caveats?: readonly Pick<Caveat, 'kind'>[] | undefined;
  readonly error?: ErrorReport | undefined;
  readonly words?: string | undefined;
}

/** The text for one subagent: a line of facts, then `more`, then the subagent's fenced words. */
export function subagentText(view: Shown, more: readonly string[] = [], now: number = Date.now()): string {
  const name = `${view.label}@${view.run}`;
  const facts = [
    ...stallText(view.stalled, now),
    ...(view.status === undefined ? [] : [statusText(view.status, view.caveats)]),
    ...(view.since === undefined ? [] : [`since ${view.since} (${ago(view.since, now)})`]),
    ...(view.cleanedAt === undefined ? [] : ['cleaned']),
    ...(view.receipt === undefined ? [] : [`steered: ${DELIVERIES[view.receipt.delivery]}`]),
    ...(view.answered === true
      ? [`answered ${view.answeredQuestion}${view.repeated ? ', same answer as before' : ''}`]
      : []),
    ...(view.questions === undefined || view.questions.length === 0
      ? []
      : [`${view.answered ? 'still asks' : 'asks'} (${view.questions.join(', ')})`]),
    ...(view.decided === undefined ? [] : [decisionText(view.decided)]),
    ...(view.approvals === undefined || view.approvals.length === 0
      ? []
      : [`waits for approval (${view.approvals.join(', ')})`]),
  ];
  return [
    facts.length === 0 ? name : `${name}: ${facts.join(', ')}`,
    ...more.map((line) => `  ${line}`),
    ...(view.link === undefined ? [] : [`  ${view.link}`]),
    ...(view.error === undefined ? [] : errorLines(view.error)),
    ...(view.words === undefined ? [] : [view.words]),
  ].join('\n');
}

function decisionText({ approvalId, decision, also }: NonNullable<Shown['decided']>): string {
  return `${decision}: ${[approvalId, ...also].join(', ')}`;
}

/** Why the subagent makes no progress. Contains no text from the subagent. */
function stallText(stalled: Shown['stalled'], now: number): string[] {
  if (stalled === undefined) return [];
  const { state, words } = STALLS[stalled.reason];
  return [`${state.toUpperCase()}, ${words}, since ${stalled.since} (${ago(stalled.since, now)})`];
}

/** The status with the kinds of caveats. */
function statusText(status: Status, caveats: Shown['caveats'] = []): string {
  return caveats.length === 0 ? status : `${status}, but: ${caveatDescriptions(kindsOf(caveats))}`;
}

function errorLines({ code, message, remedy }: ErrorReport): string[] {
  return [`  error ${code}: ${message}`, ...(remedy === undefined ? [] : [`  What to do: ${remedy}`])];
}

const ago = (at: string, now: number): string => `${durationText(now - Date.parse(at))} ago`;
