/** Caveats of an outcome: what a reader must know about work that is done. */
import { z } from 'zod';
import { oneLine } from '../text/text.ts';
import type { Caveat } from '../reports/types.ts';

/**
 * Every kind of caveat, with its grade and a short description. *Blocking*: the branch lacks a part of the work or
 * should not be used as it is, so merge and push refuse it without force. *Advisory*: worth knowing; nothing is refused.
 */
export const CAVEATS = {
  'unsaved-work': { grade: 'blocking', says: 'it left work that is in no commit' },
  unfinished: { grade: 'blocking', says: 'a merge or rebase was left unfinished' },
  'base-missing': { grade: 'blocking', says: 'its branch no longer contains the commit it started from' },
  'unfetchable-commits': {
    grade: 'blocking',
    says: 'its branch references submodule commits that nobody can fetch',
  },
  'not-saved': { grade: 'blocking', says: 'its work is not in the store, only on its worker' },
  'branch-moved': { grade: 'blocking', says: 'its branch moved after its work was collected' },
  'lost-commits': { grade: 'advisory', says: 'commits that it made are not on its branch' },
  stash: { grade: 'advisory', says: 'it left work in the git stash' },
  'large-files': { grade: 'advisory', says: 'it committed large files' },
  secrets: { grade: 'advisory', says: 'it committed what looks like secrets' },
  'ignored-files': { grade: 'advisory', says: 'it left files that git ignores' },
  'empty-report': { grade: 'advisory', says: 'its last message is empty and it made no commit' },
  'cut-report': { grade: 'advisory', says: 'its last message was cut off by the model’s output limit' },
} as const satisfies Readonly<
  Record<string, { readonly grade: 'blocking' | 'advisory'; readonly says: string }>
>;

const caveatKind = z.enum(Object.keys(CAVEATS) as [keyof typeof CAVEATS, ...(keyof typeof CAVEATS)[]]);
export type CaveatKind = z.infer<typeof caveatKind>;

const caveatGrade = z.enum(['blocking', 'advisory']);

/** One caveat of an outcome. */
export const caveat = z.object({
  kind: caveatKind,
  grade: caveatGrade.describe(
    'blocking: merge and push refuse the branch without force, and `wait` exits 9; advisory: nothing is refused',
  ),
  text: z
    .string()
    .describe('the details: paths, commits, reasons; the names in it were chosen by the subagent'),
});

/** Kinds of caveats, as announcements and lists show them. */
export const caveatKinds = z.array(caveatKind).describe('kinds of its caveats, blocking ones first');

/** Maximum length of a caveat's text in characters, and maximum number of caveats in an outcome. */
const MAX_TEXT_CHARS = 600;
const MAX_CAVEATS = 30;

/** Makes a caveat; its grade follows from its kind. */
export function caveatOf(kind: CaveatKind, text: string): Caveat {
  return { kind, grade: CAVEATS[kind].grade, text: oneLine(text, MAX_TEXT_CHARS) };
}

/** The caveats that block a merge or a push. */
export const blocking = (caveats: readonly Caveat[]): Caveat[] =>
  caveats.filter(({ grade }) => grade === 'blocking');

/** Whether one of these kinds is blocking. */
export const isBlocked = (kinds: readonly CaveatKind[] = []): boolean =>
  kinds.some((kind) => CAVEATS[kind].grade === 'blocking');

/** Each caveat once, blocking ones first, up to the maximum number in an outcome. */
export function orderCaveats(caveats: readonly Caveat[]): Caveat[] {
  const once = [...new Map(caveats.map((each) => [`${each.kind} ${each.text}`, each])).values()];
  return [...blocking(once), ...once.filter(({ grade }) => grade === 'advisory')].slice(0, MAX_CAVEATS);
}

/** The kinds of the caveats, each once, in the same order. */
export const kindsOf = (caveats: readonly Pick<Caveat, 'kind'>[]): CaveatKind[] => [
  ...new Set(caveats.map(({ kind }) => kind)),
];

/** Descriptions of the kinds. They contain no text from a subagent. */
export const caveatDescriptions = (kinds: readonly CaveatKind[]): string =>
  kinds.map((kind) => CAVEATS[kind].says).join('; ');

/** A summary that begins with the caveats, if there are any: `done, but: …`. */
export function withCaveats(summary: string, caveats: readonly Caveat[]): string {
  return caveats.length === 0
    ? summary
    : `done, but: ${caveats.map(({ text }) => text).join('; ')}. ${summary}`;
}
