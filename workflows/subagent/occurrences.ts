/** Applies occurrences beside the running action to the state. No Temporal, no clock, no I/O. */
import { caveatOf, oneLine, type AuditEntry, type Receipt } from '../../src/contract/index.ts';
import { countIgnoredSignal } from '../shared/ignored-signals.ts';
import { decideApprovals, openApprovals } from './approvals.ts';
import type { Occurrence } from './events.ts';
import type { SteerRecord, SubagentState } from './state.ts';
import { flushUsage } from './turn-usage.ts';

/** Steers kept for the panel and the `describe` query. */
const REMEMBERED_STEERS = 20;

/** Entries of the audit that are kept: the first, and the newest ones. */
const AUDIT_ENTRIES = 100;

/** The state after `occurrence`. */
export function applyOccurrence(state: SubagentState, occurrence: Occurrence): SubagentState {
  switch (occurrence.type) {
    case 'acted':
      return { ...state, audit: newestEntries([...state.audit, occurrence.entry]) };
    case 'steer-arrived':
      return { ...state, steerLog: newestSteers([...state.steerLog, occurrence.steer]) };
    case 'steer-held':
      return { ...state, held: [...state.held, occurrence.steer] };
    case 'steer-answered':
      return withReceipt(state, occurrence.receipt);
    case 'held-steer-delivered': {
      const { receipt } = occurrence;
      return withReceipt({ ...state, held: state.held.filter(({ id }) => id !== receipt.id) }, receipt);
    }
    case 'approvals-asked': {
      const { approvals, at } = occurrence;
      return { ...state, approvals: openApprovals(state.approvals, approvals, at) };
    }
    case 'approvals-decided':
      return { ...state, approvals: decideApprovals(state.approvals, occurrence.verdict) };
    case 'note-added':
      return withNote(state, occurrence.note);
    case 'taken':
      return { ...state, spec: { ...state.spec, ...occurrence.defaults } };
    case 'cloned':
      return {
        ...state,
        spec: { ...state.spec, ...occurrence.defaults },
        repository: occurrence.repository,
      };
    case 'turn-started':
      return { ...state, attempt: 'running' };
    case 'turn-ended':
      return { ...state, attempt: occurrence.attempt };
    case 'action-interrupted':
      return {
        ...state,
        workedMs: state.workedMs + occurrence.workedMs,
        verifyingMs: state.verifyingMs + occurrence.verifyingMs,
      };
    case 'stopped':
      return afterStop(state, occurrence);
    case 'saved':
      return afterSave(state, occurrence);
    case 'salvaged':
      return afterSalvage(state, occurrence.found);
    case 'given-up': {
      const note = 'its worker was given up: whether processes of the subagent are left there is unknown';
      return flushUsage(withNote(state, note));
    }
    case 'signal-ignored':
      return {
        ...state,
        ignoredSignals: countIgnoredSignal(state.ignoredSignals, occurrence.name, occurrence.why),
      };
  }
}

const withReceipt = (state: SubagentState, receipt: Receipt): SubagentState => ({
  ...state,
  steerLog: state.steerLog.map((steer) => (steer.id === receipt.id ? { ...steer, receipt } : steer)),
});

const withNote = (state: SubagentState, note: string): SubagentState => ({
  ...state,
  notes: [...state.notes, note],
});

/** The newest steers, and all that have no receipt yet. */
function newestSteers(steers: readonly SteerRecord[]): readonly SteerRecord[] {
  const surplus = steers.length - REMEMBERED_STEERS;
  return surplus <= 0 ? steers : steers.filter(({ receipt }, at) => at >= surplus || receipt === undefined);
}

/** The first entry says who asked for the subagent, so it is never dropped. */
function newestEntries(entries: readonly AuditEntry[]): readonly AuditEntry[] {
  return entries.length <= AUDIT_ENTRIES ? entries : entries.filter((_, at) => at !== 1);
}

function afterStop(
  state: SubagentState,
  { problem, movedTo, used }: Extract<Occurrence, { type: 'stopped' }>,
): SubagentState {
  const flushed = flushUsage({ ...state, attempt: 'none' }, used);
  const stopped =
    problem === undefined
      ? flushed
      : withNote(flushed, `the worker could not stop this subagent cleanly: ${oneLine(problem, 300)}`);
  // Commits that came onto the branch after the collection are in nothing that is reported.
  const { branch, head } = state.evidence ?? {};
  if (movedTo === undefined || branch == null || head === undefined) return stopped;
  const what = movedTo === null ? 'was deleted' : `was moved to ${movedTo}`;
  const text = `the branch ${branch} ${what} after its work was collected, perhaps by a process that it left running; the outcome reports ${head}`;
  return { ...stopped, caveats: [...stopped.caveats, caveatOf('branch-moved', text)] };
}

function afterSave(
  state: SubagentState,
  { commit, workerId, problem }: Extract<Occurrence, { type: 'saved' }>,
): SubagentState {
  const { checkout, hostQueue } = state.spec;
  if (checkout === undefined) return state;
  const saved = { store: checkout.store, commit, hostQueue, ...(problem !== undefined && { problem }) };
  if (problem === undefined) return { ...state, saved };
  const text = `its work is only on worker ${workerId ?? 'unknown'}, because it could not be put into the store: ${problem}`;
  return { ...state, saved, caveats: [...state.caveats, caveatOf('not-saved', text)] };
}

function afterSalvage(
  state: SubagentState,
  found: Extract<Occurrence, { type: 'salvaged' }>['found'],
): SubagentState {
  if (found.type === 'collected') {
    const { evidence, caveats, notes } = found;
    return { ...state, evidence, caveats, notes: [...state.notes, ...notes] };
  }
  const note = `its work could not be collected: ${oneLine(found.failure.message, 400)}`;
  return withNote({ ...state, evidence: found.evidence ?? state.evidence }, note);
}
