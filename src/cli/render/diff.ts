import { stripControls } from '../../contract/text/text.ts';
import type { Colors } from '../output.ts';

/**
 * A diff for a terminal or its pager. File content may contain anything, so control characters are made visible (ESC as
 * `␛`): the result contains only text and our own colours.
 */
export function diffLines(text: string, { stat, colors }: { stat: boolean; colors: Colors }): string {
  let inHunk = false;
  return text
    .split('\n')
    .map((raw) => {
      const line = visible(raw);
      if (stat) return statLine(line, colors);
      if (line.startsWith('diff --git ')) inHunk = false;
      else if (line.startsWith('@@ ')) inHunk = true;
      return inHunk ? hunkLine(line, colors) : colors.bold(line);
    })
    .join('\n');
}

function hunkLine(line: string, colors: Colors): string {
  if (line.startsWith('@@ ')) return colors.cyan(line);
  if (line.startsWith('+')) return colors.green(line);
  return line.startsWith('-') ? colors.red(line) : line;
}

function statLine(line: string, colors: Colors): string {
  return line.replace(
    /( \| +\d+ )(\+*)(-*)$/,
    (_, number: string, added: string, removed: string) => number + colors.green(added) + colors.red(removed),
  );
}

/**
 * Replaces control characters with Unicode's control pictures; keeps tabs, and drops a carriage return at the line's
 * end.
 */
function visible(line: string): string {
  const shown = line.replace(/\r$/, '').replace(
    // eslint-disable-next-line no-control-regex
    /[\u0000-\u0008\u000A-\u001F]/g,
    (control) => String.fromCharCode(0x2400 + control.charCodeAt(0)),
  );
  return stripControls(shown);
}
