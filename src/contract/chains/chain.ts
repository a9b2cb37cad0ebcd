/** Chains: a graph of steps, each a subagent, whose tasks may quote the outcomes of earlier steps. */
import { z } from 'zod';
import { label } from '../spawn/label.ts';
import { MAX_ARTIFACT_BYTES, MAX_CHAIN_STEPS, MAX_FOR_EACH } from '../limits.ts';
import { outcome } from '../outcome/outcome.ts';
import {
  artifactPaths,
  fingerprint,
  oneOrMany,
  requestDigest,
  resolvedSpec,
  spawnSpec,
} from '../spawn/spec.ts';
import type { DeepReadonly } from '../deep-readonly.ts';

/** First words of quotes that are not of a step. No step may have such a name. */
export const QUOTE_WORDS = ['params', 'item', 'index'] as const;
const RESERVED: ReadonlySet<string> = new Set([...QUOTE_WORDS, 'last', 'all']);

const stepId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'a step id has 1 to 40 characters of a-z, 0-9, "_" and "-"')
  .refine(
    (id) => !RESERVED.has(id),
    'this name is reserved: it has a special meaning in quotes or as a target',
  );

const { task } = spawnSpec.shape;
const options = spawnSpec.omit({ label: true, task: true }).shape;

/** One step of a chain: a task, what it needs, and every field that a spawn has besides its label. */
export const chainStep = z.strictObject({
  id: stepId.describe('name of the step; its subagent has the label <chain>.<id>'),
  task: task.describe(
    'what to do; {{research.report}}, {{research.branch}} and so on quote a step that this one needs, {{params.name}} quotes a parameter, \\{{ writes two literal braces',
  ),
  needs: z
    .union([stepId.transform((id) => [id]), z.array(stepId).max(MAX_CHAIN_STEPS)])
    .optional()
    .describe('steps that must be done before this one starts; default: the previous step; []: none'),
  from: stepId.optional().describe('start from the branch of this step, which must be in needs'),
  forEach: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe(
      `a list in the result of an earlier step, for example plan.output.files or research.outcome.evidence.filesChanged; the step runs once for each entry ({{item}}, {{index}}), at most ${MAX_FOR_EACH}`,
    ),
  output: z
    .record(z.string(), z.unknown())
    .optional()
    .describe(
      'a JSON schema: the final message must be JSON that is valid against it, and {{plan.output.files}} quotes a part of that JSON; an invalid message goes back to the subagent once',
    ),
  artifacts: oneOrMany(artifactPaths)
    .optional()
    .describe(
      `files that must be in the workspace when the step ends, text of at most ${MAX_ARTIFACT_BYTES / 1024} KiB each; {{research.artifacts.docs/plan.md}} quotes a whole file`,
    ),
  maxConcurrent: z.number().int().min(1).optional().describe('with forEach: how many subagents run at once'),
  ...options,
});

const parameter = z
  .strictObject({
    description: z.string().max(1_000).optional(),
    default: z
      .string()
      .optional()
      .describe('value if none is given; a parameter without a default must be given'),
    data: z
      .boolean()
      .optional()
      .describe('the value is text from others (a diff, a log): it is quoted as data, between marks'),
  })
  .describe('a parameter');

/** A chain as a caller writes it: a chain file, or the arguments of `sessions_chain` or `session.chain()`. */
export const chainSpec = z.strictObject({
  label: label.describe('label of the chain; its steps have the labels <label>.<step>'),
  description: z.string().max(1_000).optional().describe('what the chain is for'),
  params: z
    .record(
      z.string().regex(/^[A-Za-z0-9_-]{1,40}$/, 'use 1 to 40 of letters, digits, "_" and "-"'),
      parameter,
    )
    .optional()
    .describe('parameters of a run; {{params.name}} quotes one in a task'),
  maxConcurrent: z.number().int().min(1).optional().describe('how many steps run at once; default: no limit'),
  until: z
    .enum(['all', 'first'])
    .optional()
    .describe(
      'all (default): every step runs; first: the first step that is done ends the chain, and the others are killed',
    ),
  steps: z
    .array(chainStep)
    .min(1)
    .max(MAX_CHAIN_STEPS)
    .describe('in order; each step needs the previous one, unless `needs` says otherwise'),
});
/** A chain as parsed: durations in milliseconds. */
export type ParsedChain = z.output<typeof chainSpec>;
export type ParsedStep = z.output<typeof chainStep>;

const resolvedStep = z.strictObject({
  id: stepId,
  needs: z.array(stepId),
  from: stepId.optional(),
  forEach: z.string().optional(),
  maxConcurrent: z.number().int().min(1).optional(),
  spec: resolvedSpec.describe('its task still has its quotes'),
});
/** A step of a resolved chain. */
export type ResolvedStep = z.infer<typeof resolvedStep>;

/** A chain as sent to the session: checked, with every default filled in. */
export const resolvedChain = z.strictObject({
  label,
  description: z.string().optional(),
  params: z.record(z.string(), z.strictObject({ value: z.string(), data: z.boolean() })),
  maxConcurrent: z.number().int().min(1).optional(),
  until: z.enum(['all', 'first']).default('all'),
  steps: z.array(resolvedStep).min(1).max(MAX_CHAIN_STEPS),
});
export type ResolvedChain = z.infer<typeof resolvedChain>;

/** The outcome of a step in an earlier run of the chain, with the ids of its subagent's run. */
const carriedOutcome = outcome.extend({
  workflowId: z.string().optional(),
  runId: z.string().optional(),
});
export type CarriedOutcome = DeepReadonly<z.infer<typeof carriedOutcome>>;

/** Update `chain` of a session. Requests with the same `requestId` start the chain once. */
export const chainRequest = z.strictObject({
  requestId: z.string().min(1).max(100),
  digest: requestDigest,
  chain: resolvedChain,
  fingerprint,
  carried: z
    .record(z.string(), z.array(carriedOutcome))
    .optional()
    .describe('steps that are done in an earlier run, with their outcomes'),
});
export interface ChainRequest extends Omit<z.infer<typeof chainRequest>, 'carried'> {
  readonly carried?: ChainInput['carried'];
}

/** Input of the chain workflow. */
export interface ChainInput {
  readonly session: string;
  readonly label: string;
  readonly run: number;
  readonly chain: ResolvedChain;
  /** For each label of a step: how many runs it had before. */
  readonly runs: Readonly<Record<string, number>>;
  /** Outcomes of steps that an earlier run of the chain has done. */
  readonly carried?: Readonly<Record<string, readonly CarriedOutcome[]>> | undefined;
  /** The identity of who asked for it. */
  readonly by?: string | undefined;
}

/** The chain workflow, and its query. */
export const CHAIN = {
  workflow: 'chain',
  /** Query: the state of each step. */
  progress: 'progress',
} as const;

/** The label of a step's subagent; for a `forEach` step, of the subagent with this index. */
export const stepLabel = (chain: string, step: string, index?: number): string =>
  `${chain}.${step}${index === undefined ? '' : `-${index}`}`;
