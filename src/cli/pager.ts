import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { Git } from '../git/git.ts';

/**
 * Shows `text` in git's pager: GIT_PAGER, core.pager, PAGER, less. Ignores the repository's own configuration, which
 * may come from a subagent.
 * @returns false when no pager is wanted or the pager cannot be started: then nothing was shown.
 */
export async function showPaged(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  const { stdout } = await Git.at(tmpdir()).try(['var', 'GIT_PAGER'], {
    env: { GIT_PAGER: env['GIT_PAGER'], GIT_CEILING_DIRECTORIES: tmpdir(), GIT_DIR: '/dev/null' },
  });
  const command = stdout.trim();
  if (command === '' || command === 'cat') return false;
  // git's defaults (git-config(1), core.pager): quit if the text fits on one screen, show colours, keep the screen.
  const pager = spawn('/bin/sh', ['-c', command], {
    env: { LESS: 'FRX', LV: '-c', ...env },
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  return await new Promise((resolve) => {
    // Ctrl-C is for the pager, where it ends a search.
    const ignore = (): void => undefined;
    process.on('SIGINT', ignore);
    pager.once('error', () => resolve(false));
    pager.once('close', (exitCode) => {
      process.off('SIGINT', ignore);
      // 127 means that the shell did not find the program.
      resolve(exitCode !== 127);
    });
    // The pager may end before it has read everything.
    pager.stdin.on('error', () => undefined);
    pager.stdin.end(text);
  });
}
