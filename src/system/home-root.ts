import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Environment variables, like `process.env`. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The home folder in use: `home`, else `SUBAGENTS_HOME`, else `~/.subagents`. Absolute; need not exist. */
export function homeRoot(home?: string, env: Env = process.env): string {
  return resolve(home || env['SUBAGENTS_HOME'] || join(homedir(), '.subagents'));
}

/** The command that starts a server and a worker in the home that is in use here, for a human to type. */
export function upCommand(home?: string, env: Env = process.env): string {
  const named = home || env['SUBAGENTS_HOME'];
  return `subagents up --detach${named ? ` --home '${homeRoot(home, env).replaceAll("'", String.raw`'\''`)}'` : ''}`;
}
