/** The configuration of a repository. */
import { runGit } from '../run.ts';

/** Keys with their values, in order. */
export type Settings = ReadonlyMap<string, readonly string[]>;

export interface Configuration {
  /** What lies in the repository itself, with all that it includes. */
  readonly local: Settings;
  /** What its user and the machine have configured for all repositories. */
  readonly global: Settings;
}

export async function readConfiguration(cwd: string): Promise<Configuration> {
  const { stdout } = await runGit(['config', '--list', '--show-scope', '--includes', '-z'], { cwd });
  const items = stdout.split('\0');
  const found = { local: new Map<string, string[]>(), global: new Map<string, string[]>() };
  for (let at = 0; at + 1 < items.length; at += 2) {
    const [key = '', ...value] = (items[at + 1] ?? '').split('\n');
    const into = items[at] === 'local' || items[at] === 'worktree' ? found.local : found.global;
    // A key alone means yes.
    into.set(key, [...(into.get(key) ?? []), value.length === 0 ? 'true' : value.join('\n')]);
  }
  return found;
}
