import type { TranscriptEntry } from '../../client/index.ts';
import { oneLine, stripControls } from '../../contract/text/text.ts';
import type { Colors } from '../output.ts';
import { clock, durationText } from './time.ts';

const MAX_TOOL_CHARS = 240;
const MAX_RESULT_LINES = 8;
const MOVED = /^<command with shellId: \S+ moved to background/;
/** Aligns further lines with the text after the time. */
const INDENT = ' '.repeat(10);

/** A transcript entry for people. Control sequences in its text, which comes from a model or a tool, are removed. */
export function transcriptEntryText(entry: TranscriptEntry, colors: Colors): string {
  const at = colors.dim(clock(entry.at));
  switch (entry.kind) {
    case 'task':
      return `${at}  ${colors.bold('task')}\n${block(entry.text)}`;
    case 'steer':
      return `${at}  ${colors.magenta(colors.bold('steer'))}\n${block(entry.text)}`;
    case 'message':
      return `${at}  ${indented(entry.text)}`;
    case 'reasoning':
      return `${at}  ${colors.dim(indented(entry.text))}`;
    case 'tool':
      return `${at}  ${colors.cyan('▸')} ${toolText(entry, colors)}`;
    case 'tool-result':
      return `${at}  ${resultText(entry, colors)}`;
    case 'warning':
      return `${at}  ${colors.yellow('warning')} ${indented(entry.text)}`;
    case 'error':
      return `${at}  ${colors.red('error')} ${indented(entry.text)}`;
    case 'turn-end':
      return `${at}  ${colors.dim(`── ${oneLine(entry.text, 120)}`)}`;
  }
}

/** The name of a tool and the request, without a repetition of the name. */
function toolText({ tool = 'tool', text }: TranscriptEntry, colors: Colors): string {
  const asked = text.startsWith(`${tool}: `) ? text.slice(tool.length + 2) : text;
  return `${colors.bold(oneLine(tool, 60))} ${oneLine(asked, MAX_TOOL_CHARS)}`;
}

function resultText(entry: TranscriptEntry, colors: Colors): string {
  const { ok, exitCode, durationMs } = entry;
  // This text is a message of Copilot to the model, not output of the command.
  if (MOVED.test(entry.text))
    return colors.dim(`… continues in the background after ${durationText(durationMs ?? 0)}`);
  const good = exitCode === undefined ? ok !== false : exitCode === 0;
  const facts = [
    exitCode === undefined ? (good ? 'ok' : 'failed') : `exit ${exitCode}`,
    ...(durationMs === undefined ? [] : [durationText(durationMs)]),
  ].join(', ');
  const head = `${good ? colors.green('✓') : colors.red('✗')} ${facts}`;
  const lines = stripControls(entry.text)
    .trim()
    .split('\n')
    .filter((line) => line.trim() !== '');
  const hidden = lines.length - MAX_RESULT_LINES;
  const shown = lines.slice(-MAX_RESULT_LINES).map((line) => colors.dim(`${INDENT}│ ${oneLine(line, 400)}`));
  if (hidden > 0) shown.unshift(colors.dim(`${INDENT}│ … ${hidden} earlier lines`));
  return [head, ...shown].join('\n');
}

const block = (text: string) => `${INDENT}${indented(text)}`;
const indented = (text: string) => stripControls(text).trim().split('\n').join(`\n${INDENT}`);
