/** Parses specs from callers, and checks their size. */
import type { z } from 'zod';
import {
  byteLength,
  validate,
  continueSpec,
  MAX_SPAWN_BYTES,
  MAX_SPAWN_SPECS,
  spawnSpec,
  SubagentsError,
} from '../../contract/index.ts';

/** A spec that fits its schema; durations in milliseconds. */
export type ParsedSpec = ReturnType<typeof spawnSpec.parse>;

/**
 * Parses one spec.
 * @param where names the spec in an error, for example `specs[2]`; left out for a single one.
 * @throws SubagentsError BAD_INPUT that names the field and says what it takes.
 */
export function parseSpec(spec: unknown, where = ''): ParsedSpec {
  const parsed = validate(spawnSpec, spec);
  if (parsed.success) return parsed.data;
  throw schemaError(parsed.error, spawnSpec.shape, where);
}

/** Parses the spec of a continuation. @throws SubagentsError BAD_INPUT as `parseSpec` */
export function parseContinueSpec(spec: unknown): ReturnType<typeof continueSpec.parse> {
  const parsed = validate(continueSpec, spec);
  if (parsed.success) return parsed.data;
  throw schemaError(parsed.error, continueSpec.shape, '');
}

/** The error for input that does not fit its schema. It names the field and describes its legal values. */
export function schemaError(
  { issues: [issue] }: z.ZodError,
  shape: z.ZodRawShape,
  where: string,
): SubagentsError {
  const path = [...(where === '' ? [] : [where]), ...(issue?.path ?? []).map(String)].join('.');
  const field = String(issue?.path[0] ?? '');
  const description = (shape[field] as z.ZodType | undefined)?.description;
  return new SubagentsError(
    'BAD_INPUT',
    `${path === '' ? 'the spec' : path}: ${issue?.message ?? 'illegal'}`,
    {
      remedy:
        description === undefined
          ? `a spec has these fields: ${Object.keys(shape).join(', ')}`
          : `${field} is: ${description}`,
    },
  );
}

/** Parses a list of specs. One illegal spec rejects the whole list. @throws SubagentsError BAD_INPUT, LIMIT */
export function parseSpecs(specs: readonly unknown[]): ParsedSpec[] {
  if (specs.length === 0) throw new SubagentsError('BAD_INPUT', 'specs: the list is empty');
  if (specs.length > MAX_SPAWN_SPECS) {
    throw new SubagentsError(
      'LIMIT',
      `specs: ${specs.length} are too many for one call; at most ${MAX_SPAWN_SPECS} are possible`,
      {
        remedy: `spawn them in lists of at most ${MAX_SPAWN_SPECS}`,
      },
    );
  }
  return specs.map((spec, index) => parseSpec(spec, specs.length === 1 ? '' : `specs[${index}]`));
}

/** @throws SubagentsError LIMIT when `request`, as JSON, is larger than one message to Temporal may be. */
export function checkSpawnSize(
  request: unknown,
  {
    what = 'this spawn',
    remedy = 'spawn fewer subagents at once, or put the material into a file of the repository and name the file in the task',
  }: { readonly what?: string; readonly remedy?: string } = {},
): void {
  const bytes = byteLength(JSON.stringify(request));
  if (bytes <= MAX_SPAWN_BYTES) return;
  throw new SubagentsError('LIMIT', `${what} is ${bytes} bytes; at most ${MAX_SPAWN_BYTES} are possible`, {
    remedy,
  });
}
