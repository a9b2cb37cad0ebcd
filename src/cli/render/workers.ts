import type { WorkerInfo, WorkerList } from '../../client/index.ts';
import { CONTRACT_VERSION } from '../../contract/protocol/version.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Colors } from '../output.ts';
import { serverText, wrapped } from './fleet.ts';
import { cut, table, type Column } from './table.ts';
import { age } from './time.ts';

const GIB = 2 ** 30;
const MAX_CELL_CHARS = 120;

/** Options of the table. */
export interface WorkersTextOptions {
  /** Columns of the terminal; if infinite, nothing is cut. */
  readonly width: number;
  readonly colors: Colors;
  readonly now: number;
}

/** The workers of a server as a table, and what to do about those that are away. */
export function workersText({ server, workers }: WorkerList, options: WorkersTextOptions): string {
  const { width, colors, now } = options;
  const note = (text: string): string[] => wrapped(`${colors.yellow('!')} ${text}`, width);
  const rows =
    workers.length === 0
      ? wrapped('No workers.', width)
      : table(workers, columns(colors, now), width, colors).split('\n');
  const isHere = workers.some(({ presence }) => presence === 'here');
  const [away] = workers.filter(({ presence }) => presence === 'away');
  const notes = [
    ...(isHere
      ? []
      : note(
          'no worker is here, so no subagent makes progress. Start one: `subagents up` on this machine, or `subagents worker` for an existing Temporal',
        )),
    ...(away === undefined
      ? []
      : note(
          `subagents of a worker that is away wait for it. If it will never come back: subagents worker forget ${away.workerId}`,
        )),
  ];
  return [
    colors.dim(cut(serverText(server), Math.min(width, 200))),
    '',
    ...rows,
    ...(notes.length > 0 ? ['', ...notes] : []),
  ].join('\n');
}

function columns(colors: Colors, now: number): Column<WorkerInfo>[] {
  return [
    { title: 'WORKER', cell: ({ workerId }) => oneLine(workerId, 60) },
    {
      title: 'HOST',
      cell: ({ user, host }) => oneLine([user, host].filter(Boolean).join('@'), 60),
      cutMiddle: true,
    },
    { title: 'SEEN', cell: (worker) => seenText(worker, colors, now) },
    { title: 'SLOTS', cell: slotsText },
    { title: 'POOLS', cell: ({ pools = [] }) => oneLine(pools.join(', ') || '-', 60) },
    { title: 'DISK', cell: diskText, from: 80 },
    { title: 'SINCE', cell: ({ since }) => age(since, now), from: 80 },
    { title: 'VERSIONS', cell: versionsText, from: 110 },
    { title: 'HAS', cell: (worker) => oneLine(hasText(worker), MAX_CELL_CHARS), flexible: true, from: 100 },
  ];
}

/** The last sign of life. */
function seenText({ presence, lastSeen, state }: WorkerInfo, colors: Colors, now: number): string {
  if (presence === 'here') return state === 'draining' ? colors.yellow('draining') : colors.green('now');
  // The server forgets a poll after five minutes.
  return colors.red(lastSeen === undefined ? 'away' : `away ${age(lastSeen, now)}`);
}

function slotsText({ slots, presence }: WorkerInfo): string {
  if (slots === undefined) return '?';
  return `${presence === 'here' ? slots.inUse : '-'}/${slots.total}`;
}

const diskText = ({ freeBytes }: WorkerInfo): string =>
  freeBytes === undefined ? '' : `${(freeBytes / GIB).toFixed(1)} GiB`;

function versionsText({ versions: { product, contract, copilot } }: WorkerInfo): string {
  const other = contract !== undefined && contract !== CONTRACT_VERSION ? ` (contract ${contract})` : '';
  return `${product ?? '?'}${other}${copilot === undefined ? '' : `, Copilot ${copilot}`}`;
}

/** What it has and allows. */
function hasText({ home, models, model, access, repositories, sandbox, key }: WorkerInfo): string {
  if (home === undefined) return 'unknown: of another version, or its key is not here';
  return [
    access ?? 'models unknown',
    ...(models ? [`only ${models.join(', ')}`] : model === undefined ? [] : [model]),
    ...(repositories ? [`repositories ${repositories.join(', ')}`] : []),
    `sandbox ${sandbox}`,
    ...(key === undefined ? [] : [`key ${key}`]),
  ].join('; ');
}
