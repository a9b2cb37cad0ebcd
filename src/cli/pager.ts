import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { gitAt } from '../git/git.ts';

/**
 * Shows `text` in the pager that git would take: GIT_PAGER, core.pager, PAGER, less. What a repository itself configures does
 * not count: it may come from a subagent.
 * @returns false when no pager is wanted, or it cannot be started: then nothing was shown.
 */
export async function showPaged(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  const { stdout } = await gitAt(tmpdir()).try(['var', 'GIT_PAGER'], {
    env: { GIT_PAGER: env['GIT_PAGER'], GIT_CEILING_DIRECTORIES: tmpdir(), GIT_DIR: '/dev/null' },
  });
  const command = stdout.trim();
  if (command === '' || command === 'cat') return false;
  // As git sets them (git-config(1), core.pager): quit where it fits one screen, show colours, leave the screen as it is.
  const pager = spawn('/bin/sh', ['-c', command], {
    env: { LESS: 'FRX', LV: '-c', ...env },
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  return await new Promise((resolve) => {
    // Ctrl-C is for the pager, which takes it as an end of a search.
    const ignore = (): void => undefined;
    process.on('SIGINT', ignore);
    pager.once('error', () => resolve(false));
    pager.once('close', (exitCode) => {
      process.off('SIGINT', ignore);
      // 127: the shell found no such program.
      resolve(exitCode !== 127);
    });
    // It may be left before all is read.
    pager.stdin.on('error', () => undefined);
    pager.stdin.end(text);
  });
}
