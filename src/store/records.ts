/** What the objects of a store say about themselves: the encrypted head of each, and the readable id of the store. */
import { z } from 'zod';

/** Part of a store: `in` is written by clients, `runs` by workers. */
export const AREAS = ['in', 'runs'] as const;
export type Area = (typeof AREAS)[number];

/** The subagent that an object is of. */
const subagent = z.object({ session: z.string(), label: z.string() });
const run = subagent.extend({ run: z.number().int(), workflowId: z.string(), runId: z.string() });

/** Commits that a client uploads for a spawn. */
const upload = subagent.extend({
  kind: z.literal('upload'),
  /** The upload's id. */
  id: z.string(),
  /** The commit that the subagent starts from. */
  commit: z.string(),
});
/** A run that was accepted with an upload. */
const accepted = run.extend({ kind: z.literal('accepted'), upload: z.string() });
/** The work of a run that has ended; its content is empty where the run made no commit. */
const result = run.extend({
  kind: z.literal('result'),
  branch: z.string().nullable(),
  base: z.string(),
  head: z.string(),
  commits: z.number().int(),
});
/** A run whose work was merged. */
const merged = run.extend({ kind: z.literal('merged'), head: z.string() });

/** What an object is. */
const storeRecord = z.discriminatedUnion('kind', [upload, accepted, result, merged]);
export type StoreRecord = z.infer<typeof storeRecord>;
export type RecordOf<K extends StoreRecord['kind']> = Extract<StoreRecord, { kind: K }>;

/** The head of an object: its record, and where its content is. */
export const objectHead = z.object({
  record: storeRecord,
  /** The id of the write: names its chunks. It tells an own earlier attempt from another writer. */
  write: z.string().regex(/^[0-9a-f]{16}$/),
  /** Bytes of the content, in all. */
  bytes: z.number().int().min(0),
  /** Number of chunks; 0: the content follows the head. */
  chunks: z.number().int().min(0).max(999_999),
});
export type ObjectHead = z.infer<typeof objectHead>;

/** The name of an object: its area, and a name that is unique there and never written in clear. */
export interface ObjectName {
  readonly area: Area;
  readonly name: string;
}

/** The name of the object of a record: each name is written once. */
export function nameOf(record: StoreRecord): ObjectName {
  switch (record.kind) {
    case 'upload':
      return uploadName(record.id);
    case 'accepted':
      return { area: 'in', name: `accepted ${record.upload} ${record.runId}` };
    case 'result':
      return resultName(record.runId);
    case 'merged':
      return { area: 'in', name: `merged ${record.runId}` };
  }
}

/** The name of an upload. */
export const uploadName = (id: string): ObjectName => ({ area: 'in', name: `upload ${id}` });
/** The name of the work of a run. */
export const resultName = (runId: string): ObjectName => ({ area: 'runs', name: `result ${runId}` });

/** The only ref of the bundle of an upload, and of the work of a run. */
export const uploadRef = (id: string): string => `refs/subagents/sent/${id}`;
export const resultRef = (runId: string): string => `refs/subagents/saved/${runId}`;

/** The id object, which everybody may read. */
export const storeIdentity = z.object({
  format: z.literal(1),
  id: z.string().regex(/^s-[a-z2-7]{8}$/),
  /** The public name of the key ring that its objects are encrypted with. */
  ring: z.string(),
  created: z.string(),
  /** Shows who has the ring that nobody else made or changed the id. */
  proof: z.string().regex(/^[0-9a-f]{64}$/),
});
export type StoreIdentity = z.infer<typeof storeIdentity>;
