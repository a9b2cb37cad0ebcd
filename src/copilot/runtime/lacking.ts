/** What a worker would lack that is started from here, and not from the terminal of its human. */
import { readFileSync } from 'node:fs';
import { isWithheld } from '../../environment/clean.ts';
import { describeModelAccess } from './model-access.ts';

/** What a worker would lack. */
export interface Lacking {
  /** Why it could use no model, in words; undefined where it can, as far as is known. */
  readonly model: string | undefined;
  /** Secret variables that the program which started this one has, and keeps from it; by name. */
  readonly variables: readonly string[];
}

/** The provider of a model, and its credentials. */
const OF_PROVIDER = /^COPILOT_PROVIDER_/;

/**
 * @param env of the process that would start the worker
 * @param parentEnv of the program that started that process: Copilot CLI, which keeps secrets from its extensions, or an MCP client
 */
export async function lackingOf(
  env: NodeJS.ProcessEnv,
  parentEnv = environmentOf(process.ppid),
): Promise<Lacking> {
  const variables = Object.entries(parentEnv)
    .filter(([name, value]) => value && !env[name] && isWithheld(name, value))
    .map(([name]) => name)
    .sort();
  const access = await describeModelAccess(env);
  const kept = variables.filter((name) => OF_PROVIDER.test(name));
  if (kept.length > 0) return { model: `nothing of your model provider (${kept.join(', ')})`, variables };
  return { model: access.kind === 'none' ? access.words : undefined, variables };
}

/** The environment that a process was started with. Empty where it cannot be read: on Linux alone, and of this user's processes. */
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
