/** Resolves paths to what would actually be opened or created. */
import { lstatSync, readlinkSync } from 'node:fs';
import { isAbsolute, join, parse, sep } from 'node:path';

/** Linux follows at most this many links in one path. */
const MAX_LINKS = 40;

/**
 * The real path of `path`, which must be absolute but need not exist. Links are followed one by one, dangling ones to
 * where a file would be created through them, and `..` is resolved after the link before it.
 * @returns undefined if links form a circle or lead through `/proc`, or if a part cannot be inspected
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
      // Nothing exists here yet: the rest of the path would be created below.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return undefined;
    }
    if (target === undefined) {
      at = next;
      continue;
    }
    // Links in /proc resolve differently in each process.
    if (++links > MAX_LINKS || isWithin('/proc', next)) return undefined;
    if (isAbsolute(target)) at = parse(target).root;
    left.unshift(...target.split(sep));
  }
  return at;
}

/** Whether `path` is `folder` or is below it; both must be real paths. */
export function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
