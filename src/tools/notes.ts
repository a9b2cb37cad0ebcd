import { fenced } from './fence.ts';

const MAX_NOTES_CHARS = 2_000;

/** Notes on a spawn or a live subagent, fenced because they may quote files, commands and settings of a repository. */
export function notesText(name: string, notes: readonly string[]): string | undefined {
  if (notes.length === 0) return undefined;
  return fenced(
    'notes',
    `the worker, which may quote the repository of ${name}`,
    notes.join('\n'),
    MAX_NOTES_CHARS,
  );
}
