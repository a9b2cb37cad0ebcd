import { execa } from 'execa';
import { readUpFile } from '../temporal/up-file.ts';
import { quoted, subagentsCommand } from './command.ts';
import type { Stage } from './stage.ts';
import { compiledFile } from '../system/compiled-file.ts';

/** Hands the home over to an `up` in the background, and prints where everything is and how to end it. */
export async function keepRunning(
  { narrator, home, repo, folder }: Stage,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const main = compiledFile('cli/main.bundle.js');
  const started = await execa(process.execPath, [main, 'up', '--detach', '--json', '--home', home], {
    env,
    extendEnv: false,
    reject: false,
  });
  const up = readUpFile(home);
  narrator.check(
    started.exitCode === 0 && up !== undefined,
    'demo',
    'kept',
    up === undefined ? `Could not keep it running: ${started.stderr}` : 'Kept running (--keep).',
    { home, repo, folder, uiUrl: up?.uiUrl },
  );
  const subagents = `${subagentsCommand(env)} --home ${quoted(home)}`;
  narrator.line(`
  repository   ${repo}
  home         ${home}
  look         ${subagents} list
  Web UI       ${subagents} open
  stop         ${subagents} down
  remove       rm -rf ${quoted(folder)}`);
}
