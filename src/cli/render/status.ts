import type { Status } from '../../contract/status.ts';
import type { Colors } from '../output.ts';

/** A status in its colour. */
export function statusText(status: Status, colors: Colors): string {
  switch (status) {
    case 'done':
      return colors.green(status);
    case 'failed':
    case 'lost':
    case 'timed-out':
    case 'over-budget':
      return colors.red(status);
    case 'killed':
    case 'stopping':
      return colors.magenta(status);
    case 'asking':
    case 'waiting':
      return colors.yellow(status);
    case 'queued':
    case 'preparing':
      return colors.blue(status);
    default:
      return colors.cyan(status);
  }
}
