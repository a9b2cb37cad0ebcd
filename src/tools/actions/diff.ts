import { diffLine } from '../../prompts/index.ts';
import { fenced } from '../fence.ts';
import { oneHandle } from '../targets.ts';
import type { Action } from './action.ts';
import { forEachTarget } from './each.ts';

/** How much of a diff is read, in bytes: more than is shown, so that the answer can say how much was cut. */
const MAX_BYTES = 64 * 1024;

/** Shows what a subagent has changed since its base. */
export const diffAction: Action = async (context, { target }) => {
  const subagents = await context.connect();
  return await forEachTarget([await oneHandle(context, subagents, 'diff', target)], async (handle) => {
    const { signal } = context;
    const [change, stat] = await Promise.all([
      handle.diff({ signal, maxBytes: MAX_BYTES }),
      handle.diff({ signal, stat: true }),
    ]);
    const { label, run, base, head } = change;
    const source = `subagent ${label}@${run}`;
    const words = [
      fenced('changed files', source, stat.text === '' ? '(nothing)' : stat.text, 2_000),
      ...(change.text === '' ? [] : [fenced('diff', source, change.text)]),
    ];
    return {
      view: { measured: { base, ...(head !== null && { head }) }, words: words.join('\n') },
      lines: [diffLine(change), ...(change.truncated ? [`more than ${MAX_BYTES / 1024} KiB`] : [])],
    };
  });
};
