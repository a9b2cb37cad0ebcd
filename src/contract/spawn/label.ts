import { z } from 'zod';
import { POOL_NAME, POOL_NAME_RULE } from '../protocol/names.ts';

/** The characters of a label: `[a-z0-9]` first, then up to 62 of `[a-z0-9._-]`. */
const LABEL = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const RESERVED = new Set(['last', 'all']);

/** Why `text` cannot be a label, or `undefined` when it can. A label is part of a branch name, so git's rules count too. */
export function labelProblem(text: string): string | undefined {
  if (!LABEL.test(text)) {
    return 'use 1 to 63 characters of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit';
  }
  if (RESERVED.has(text)) return `"${text}" is reserved: it has a special meaning as a target`;
  if (text.includes('..') || text.endsWith('.') || text.endsWith('.lock')) {
    return 'git allows no branch name that contains ".." or ends in "." or ".lock"';
  }
  return undefined;
}

/** Identifies a subagent within its session. */
export const label = z.string().superRefine((text, context) => {
  const problem = labelProblem(text);
  if (problem !== undefined)
    context.addIssue({ code: 'custom', message: `illegal label "${text.slice(0, 80)}": ${problem}` });
});

/** The name of a pool. It is a part of queue names. */
export const poolName = z.string().regex(POOL_NAME, POOL_NAME_RULE);

/** The name of a session: like a label, but `:` and upper case are legal too, for ids of other systems. */
export const sessionName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/,
    'use 1 to 100 characters: letters, digits, ".", "_", ":" and "-"',
  );
