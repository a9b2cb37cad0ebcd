/** Free and used disk space. */
import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { runProgram } from './spawner.ts';

/** Bytes that an ordinary user can still write below `path`; measured at the nearest folder that exists. */
export function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch (error) {
    const parent = dirname(path);
    if (parent === path) throw error;
    return freeBytes(parent);
  }
}

/** The size for people, in whole megabytes. */
export const megabytes = (bytes: number): string => `${Math.floor(bytes / 1_000_000)} MB`;

/** Bytes that the existing ones of `paths` take on the disk; 0 if that cannot be determined. */
export async function diskUsage(paths: readonly string[]): Promise<number> {
  const there = paths.filter((path) => existsSync(path));
  if (there.length === 0) return 0;
  // POSIX: -s one line per path, -k units of 1,024 bytes. `du` may fail for files that vanish meanwhile, and still
  // counts the rest.
  const program = { file: 'du', args: ['-sk', '--', ...there], cwd: '/', input: '', detached: false };
  try {
    const { stdout } = await runProgram({ ...program, env: { ...process.env, LC_ALL: 'C' } });
    return stdout.split('\n').reduce((sum, line) => sum + (Number.parseInt(line, 10) || 0) * 1024, 0);
  } catch {
    return 0;
  }
}
