/** Output of a process that is to outlive a full disk: what cannot be written is lost, and nothing else. */
import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * From now on, text for `stream` that the disk has no room for is dropped. By itself, Node ends a process whose output fails, and
 * never writes to that file again. Pipes and terminals are left as they are: there it says that nobody reads.
 */
export function makeExpendable(stream: NodeJS.WriteStream & { readonly fd: number }): void {
  if (!canFill(stream.fd)) return;
  stream.write = (text: string | Uint8Array, ...rest: unknown[]): boolean => {
    try {
      writeSync(stream.fd, typeof text === 'string' ? Buffer.from(text) : text);
    } catch {
      // The disk is full.
    }
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
}

function canFill(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return !isatty(fd) && !stat.isFIFO() && !stat.isSocket();
  } catch {
    return false;
  }
}
