import type { Announcement } from '../../client/index.ts';
import { isBlocked } from '../../contract/outcome/caveat.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Colors } from '../output.ts';
import { clock } from './time.ts';

/** An announcement as a line, followed for a question or an approval by the commands that answer it. */
export function announcementText(announcement: Announcement, name: string, colors: Colors): string {
  const { kind, summary, at } = announcement;
  const color = isBlocked(announcement.caveats) ? 'yellow' : COLORS[kind];
  const line = `${colors.dim(clock(at))} ${colors[color](kind)} ${colors.bold(name)}  ${oneLine(summary, 400)}`;
  if (kind === 'approval') {
    const id = announcement.approval ?? '<id>';
    return `${line}\n  → subagents approve ${name} -a ${id}   or   subagents reject ${name} -a ${id} "<why>"`;
  }
  return kind === 'question' ? `${line}\n  → subagents answer ${name} "<answer>"` : line;
}

const COLORS = {
  completed: 'green',
  failed: 'red',
  killed: 'magenta',
  question: 'yellow',
  approval: 'yellow',
  stuck: 'yellow',
  'worker-away': 'red',
  notice: 'blue',
} as const satisfies Record<Announcement['kind'], keyof Colors>;
