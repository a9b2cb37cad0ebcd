/** Where a path really leads: what would be opened, or made, under it. */
import { lstatSync, readlinkSync } from 'node:fs';
import { isAbsolute, join, parse, sep } from 'node:path';

/** As many links in one path as Linux follows. */
const MAX_LINKS = 40;

/**
 * The real path of `path`, which must be absolute, also of one that does not exist yet: links on the way are followed one by
 * one, a link that leads nowhere to the place where a file would be made through it, and `..` goes up from where a link led.
 * @returns undefined where links lead in a circle or through `/proc`, or a part cannot be looked at.
 */
export function realTarget(path: string): string | undefined {
  const { root } = parse(path);
  const left = path.slice(root.length).split(sep);
  let at = root;
  let links = 0;
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (part === '' || part === '.') continue;
    const next = part === '..' ? join(at, '..') : join(at, part);
    let target: string | undefined;
    try {
      target = part === '..' || !lstatSync(next).isSymbolicLink() ? undefined : readlinkSync(next);
    } catch (error) {
      // Nothing is there (yet): what follows would be made below it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return undefined;
    }
    if (target === undefined) {
      at = next;
      continue;
    }
    // Links in /proc lead each process elsewhere.
    if (++links > MAX_LINKS || isWithin('/proc', next)) return undefined;
    if (isAbsolute(target)) at = parse(target).root;
    left.unshift(...target.split(sep));
  }
  return at;
}

/** Whether `path` is `folder` or lies below it; both are real paths. */
export function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
