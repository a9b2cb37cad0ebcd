/** What of a store may go, and what stays and why. Work that is merged nowhere always stays. */
import type { Store, StoredObject } from './store.ts';
import type { ListedObject } from './objects.ts';
import type { RecordOf, StoreRecord } from './records.ts';

/** How old an upload must be that no accepted spawn used, and what a writer left: a week, by the clock of the store. */
const ORPHAN_AGE_MS = 7 * 24 * 60 * 60_000;

/** An object and what becomes of it. */
export interface Decided {
  readonly object: StoredObject;
  readonly remove: boolean;
  readonly why: string;
}

/** Whether a branch that is not the subagent's own has the work. */
export type IsMerged = (work: RecordOf<'result'>) => Promise<boolean>;

/** The decisions for all objects. */
export interface CleanPlan {
  readonly decided: readonly Decided[];
  /** Parts of no object that are old enough to go. */
  readonly loose: readonly ListedObject[];
}

/**
 * Decides what may be removed. Safe beside writers: what is younger than a week and not known to be merged stays, and a
 * write is whole or does not count.
 * @param isMerged looks into a repository; default: none is at hand
 */
export async function planClean(
  { objects, loose }: Awaited<ReturnType<Store['list']>>,
  { now = new Date(), isMerged = () => Promise.resolve(false) }: { now?: Date; isMerged?: IsMerged } = {},
): Promise<CleanPlan> {
  const before = new Date(now.getTime() - ORPHAN_AGE_MS);
  const isOld = ({ modifiedAt }: { readonly modifiedAt: Date }): boolean => modifiedAt < before;
  const merged = new Set(ofKind(objects, 'merged').map(({ record }) => record.runId));
  const accepted = ofKind(objects, 'accepted').map(({ record }) => record);
  /** Results by run, and whether each may go. */
  const results = new Map<string, Verdict>();
  for (const { object, record } of ofKind(objects, 'result'))
    results.set(record.runId, await ofResult(record, isOld(object), merged, isMerged));
  /** Uploads by id, and whether each may go. */
  const uploads = new Map<string, Verdict>();
  for (const { object, record } of ofKind(objects, 'upload')) {
    const users = accepted.filter(({ upload }) => upload === record.id);
    const open = users.find(({ runId }) => !results.has(runId));
    uploads.set(record.id, ofUpload(users.length, open, isOld(object)));
  }
  const decide = (object: StoredObject): Verdict => {
    const { record, problem } = object;
    if (record === undefined) return { remove: false, why: `it cannot be read: ${problem ?? 'unknown'}` };
    switch (record.kind) {
      case 'result':
        return results.get(record.runId) ?? STAYS;
      case 'upload':
        return uploads.get(record.id) ?? STAYS;
      case 'accepted':
        return (uploads.get(record.upload) ?? GOES).remove || results.get(record.runId)?.remove
          ? GOES
          : STAYS;
      case 'merged':
        return (results.get(record.runId)?.remove ?? isOld(object)) ? GOES : STAYS;
    }
  };
  return {
    decided: objects.map((object) => ({ object, ...decide(object) })),
    loose: loose.filter(isOld),
  };
}

type Verdict = Omit<Decided, 'object'>;
const STAYS: Verdict = { remove: false, why: 'it is about what is in the store' };
const GOES: Verdict = { remove: true, why: 'what it is about is gone' };

async function ofResult(
  work: RecordOf<'result'>,
  isOld: boolean,
  merged: ReadonlySet<string>,
  isMerged: IsMerged,
): Promise<Verdict> {
  const { runId, commits } = work;
  if (commits === 0)
    return {
      remove: isOld,
      why: isOld ? 'it has no commit' : 'it ended less than 7 days ago, without a commit',
    };
  if (merged.has(runId) || (await isMerged(work))) return { remove: true, why: 'its work is merged' };
  return {
    remove: false,
    why: `${commits === 1 ? '1 commit is' : `${commits} commits are`} not known to be merged`,
  };
}

function ofUpload(users: number, open: RecordOf<'accepted'> | undefined, isOld: boolean): Verdict {
  if (open !== undefined)
    return { remove: false, why: `the end of ${open.label}@${open.run} is not in the store yet` };
  if (users > 0) return { remove: true, why: 'the runs that it was for have ended' };
  return isOld
    ? { remove: true, why: 'no spawn with it was accepted' }
    : { remove: false, why: 'it is younger than 7 days, and its spawn may still be accepted' };
}

/** Carries the plan out. @returns the bytes that are freed */
export async function carryOut(
  store: Store,
  { decided, loose }: CleanPlan,
  now = new Date(),
): Promise<number> {
  let bytes = 0;
  // If this is interrupted, what is left must not look needed: a result goes after what waits for it.
  const order = ['upload', 'accepted', 'result', 'merged'];
  const rank = ({ object }: Decided): number => order.indexOf(object.record?.kind ?? 'upload');
  for (const { object } of decided.filter(({ remove }) => remove).sort((a, b) => rank(a) - rank(b))) {
    await store.remove(object);
    bytes += object.bytes;
  }
  for (const each of loose) {
    await store.removeLoose(each);
    bytes += each.bytes;
  }
  return bytes + (await store.removeDrafts(new Date(now.getTime() - ORPHAN_AGE_MS)));
}

const ofKind = <K extends StoreRecord['kind']>(
  objects: readonly StoredObject[],
  kind: K,
): { readonly object: StoredObject; readonly record: RecordOf<K> }[] =>
  objects.flatMap((object) =>
    object.record?.kind === kind ? [{ object, record: object.record as RecordOf<K> }] : [],
  );
