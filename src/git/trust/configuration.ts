/** Reads the configuration of a repository. */
import { runGit } from '../run.ts';

/** Values by key, in order. */
export type ConfigValues = ReadonlyMap<string, readonly string[]>;

/** The settings that apply in a repository. */
export interface Configuration {
  /** Settings of the repository itself, including the files that it includes. */
  readonly local: ConfigValues;
  /** Settings of the user and of the machine for all repositories. */
  readonly global: ConfigValues;
}

/** Reads the settings that apply in `cwd`. */
export async function readConfiguration(cwd: string): Promise<Configuration> {
  const { stdout } = await runGit(['config', '--list', '--show-scope', '--includes', '-z'], { cwd });
  const items = stdout.split('\0');
  const found = { local: new Map<string, string[]>(), global: new Map<string, string[]>() };
  for (let at = 0; at + 1 < items.length; at += 2) {
    const [key = '', ...value] = (items[at + 1] ?? '').split('\n');
    const into = items[at] === 'local' || items[at] === 'worktree' ? found.local : found.global;
    // A key without a value means true.
    into.set(key, [...(into.get(key) ?? []), value.length === 0 ? 'true' : value.join('\n')]);
  }
  return found;
}
