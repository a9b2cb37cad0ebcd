import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const KEEPER = fileURLToPath(new URL('run-folder-keeper.mjs', import.meta.url));

/**
 * Runs once before all test files: they get a folder for everything temporary. A process of its own ends what is left there at the end
 * of the run, and removes the folder, also where the run is interrupted or killed: test processes leave their servers behind then.
 */
export default function setup(): (() => Promise<void>) | undefined {
  const before = process.env['TMPDIR'];
  // Each project calls it; the first makes the folder of the run.
  if (before?.includes('/subagents-run-')) return undefined;
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'subagents-run-'));
  // Tests of what an ordinary user may not do reach their folders in it as that user.
  chmodSync(folder, 0o711);
  process.env['TMPDIR'] = folder;
  // Detached: Ctrl-C in a terminal is for the run alone.
  const keeper = spawn(process.execPath, [KEEPER, folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  return async () => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    keeper.stdin.end();
    await once(keeper, 'exit');
  };
}
