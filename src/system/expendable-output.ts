/** Output of a process that must survive a full disk: only the text that cannot be written is lost. */
import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Makes writes to `stream` drop text when the disk is full. By default, Node ends a process whose output fails, and
 * does not write to that file again. Pipes and terminals are unaffected: there an error means that nobody reads.
 */
export function dropWhenDiskFull(stream: NodeJS.WriteStream & { readonly fd: number }): void {
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
