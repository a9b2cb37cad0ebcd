/** What a worker would lack if it were started from this process instead of from the user's terminal. */
import { readFileSync } from 'node:fs';
import { isWithheld } from '../../environment/clean.ts';
import { describeModelAccess } from './model-access.ts';

/** What a worker would lack. */
export interface MissingAccess {
  /** Why no model would be usable; undefined if one is, as far as is known. */
  readonly model: string | undefined;
  /** Names of secret variables that the parent program has and withholds from this process. */
  readonly variables: readonly string[];
}

/** Variables that configure a model provider and its credentials. */
const OF_PROVIDER = /^COPILOT_PROVIDER_/;

/**
 * Compares the environments of this process and its parent.
 * @param env environment of the process that would start the worker
 * @param parentEnv environment of the program that started that process: Copilot CLI, which withholds secrets from its
 * extensions, or an MCP client
 */
export async function findMissingAccess(
  env: NodeJS.ProcessEnv,
  parentEnv = environmentOf(process.ppid),
): Promise<MissingAccess> {
  const variables = Object.entries(parentEnv)
    .filter(([name, value]) => value && !env[name] && isWithheld(name, value))
    .map(([name]) => name)
    .sort();
  const access = await describeModelAccess(env);
  const kept = variables.filter((name) => OF_PROVIDER.test(name));
  if (kept.length > 0)
    return { model: `no access to your model provider (it lacks ${kept.join(', ')})`, variables };
  return { model: access.kind === 'none' ? access.description : undefined, variables };
}

/**
 * The environment that a process was started with. Empty if unreadable: only Linux has it, for processes of the same
 * user.
 */
function environmentOf(pid: number): Record<string, string> {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return Object.fromEntries(
      entries.flatMap((entry) => {
        const at = entry.indexOf('=');
        return at < 1 ? [] : [[entry.slice(0, at), entry.slice(at + 1)]];
      }),
    );
  } catch {
    return {};
  }
}
