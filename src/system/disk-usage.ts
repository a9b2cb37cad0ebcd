/** How much of the disk files and folders take. */
import { existsSync } from 'node:fs';
import { runProgram } from './spawner.ts';

/** Bytes that `paths` take on the disk, those of them that are there. 0 where the system cannot tell. */
export async function diskUsage(paths: readonly string[]): Promise<number> {
  const there = paths.filter((path) => existsSync(path));
  if (there.length === 0) return 0;
  // POSIX: -s one line for each, -k in units of 1,024 bytes. It may fail for files that vanish meanwhile, and still counts the rest.
  const program = { file: 'du', args: ['-sk', '--', ...there], cwd: '/', input: '', detached: false };
  try {
    const { stdout } = await runProgram({ ...program, env: { ...process.env, LC_ALL: 'C' } });
    return stdout.split('\n').reduce((sum, line) => sum + (Number.parseInt(line, 10) || 0) * 1024, 0);
  } catch {
    return 0;
  }
}
