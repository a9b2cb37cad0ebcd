/**
 * The workflow `worker`, through which a worker shows itself: open while the worker runs, with the worker's description in
 * its memo, where every list can read it without asking a worker.
 */
import { z } from 'zod';
import { oneLine } from '../text/text.ts';
import type { WorkerDescription } from '../reports/types.ts';
import { word } from './announcement.ts';

/** Entries of one list in a description, and characters of one text. */
const MAX_ENTRIES = 50;
const MAX_TEXT_CHARS = 300;

const text = z.string().max(MAX_TEXT_CHARS);
const texts = z.array(text).max(MAX_ENTRIES);
const count = z.number().int().min(0);

/** What a worker says of itself. */
export const workerDescription = z.object({
  workerId: word,
  host: text,
  user: text,
  pools: texts.describe('the pools that it joined'),
  state: z.enum(['running', 'draining']).describe('`draining`: it takes nothing new, and ends'),
  slots: z.object({ inUse: count, total: count }),
  versions: z.object({
    product: text,
    contract: z.number().int(),
    copilot: text.optional().describe('of Copilot CLI; absent while its runtime does not run'),
  }),
  since: z.iso.datetime().describe('when its process started'),
  models: texts.optional().describe('the models that a spawn may name; absent: any'),
  model: text.optional().describe('the model of spawns that name none; absent: Copilot’s choice'),
  access: text.optional().describe('where its models come from: a login, or a provider'),
  repositories: texts.optional().describe('the folders and URLs that it accepts; absent: any'),
  sandbox: z.enum(['off', 'on', 'required']),
  key: text.optional().describe('the id of the key that encrypts its messages; absent: none does'),
  home: text,
  freeBytes: count.describe('free disk space of its home'),
  at: z.iso.datetime().describe('when it described itself: on change, at most once a minute'),
});

/** A description whose lists and texts have the length that its schema allows. */
export function boundedDescription(description: WorkerDescription): WorkerDescription {
  const bounded = (value: unknown): unknown => {
    if (typeof value === 'string') return oneLine(value, MAX_TEXT_CHARS);
    return Array.isArray(value) ? value.slice(0, MAX_ENTRIES).map(bounded) : value;
  };
  return Object.fromEntries(
    Object.entries(description).map(([name, value]) => [name, bounded(value)]),
  ) as unknown as WorkerDescription;
}

/** The worker workflow, its signal, and the key of the description in its memo. */
export const WORKER = {
  workflow: 'worker',
  /** Signal: a newer description. */
  describe: 'describe',
  memo: 'worker',
} as const;

/** The id of a worker's workflow. Each start of the worker begins a run of it. */
export const workerWorkflowId = (workerId: string): string => `worker/${workerId}`;
/** The id of the worker that has this workflow. */
export const workerOfWorkflow = (workflowId: string): string => workflowId.slice(workerWorkflowId('').length);
