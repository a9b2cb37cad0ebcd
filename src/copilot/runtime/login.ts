/**
 * Shares the user's own Copilot login with a runtime that has a home of ours.
 *
 * Copilot CLI stores who is logged in in `config.json` of its home (`loggedInUsers`, `lastLoggedInUser`), and the token
 * in the system's keychain under that name or, without a keychain, in `config.json` itself (`copilotTokens`). A runtime
 * with another home therefore finds the login once it has those keys. Tested with the 1.0.102 runtime up to its first
 * request to GitHub, which uses the token it finds there. Not tested, for want of an account and a keychain: acceptance
 * by GitHub, and the look-up in the keychain.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { writePrivateFile } from '../../system/files.ts';

/** Tokens in the environment, in Copilot's order of precedence. */
export const LOGIN_VARIABLES = ['COPILOT_GITHUB_TOKEN', 'GH_TOKEN', 'GITHUB_TOKEN'] as const;

/** Keys of `config.json` that make up a login. */
const LOGIN_KEYS = ['loggedInUsers', 'lastLoggedInUser', 'copilotTokens'] as const;

const config = z.looseObject({
  lastLoggedInUser: z.looseObject({ login: z.string() }).optional().catch(undefined),
  loggedInUsers: z
    .array(z.looseObject({ login: z.string() }))
    .optional()
    .catch(undefined),
});

/** The home of the user's own Copilot CLI. */
function userCopilotHome(env: NodeJS.ProcessEnv): string {
  return env['COPILOT_HOME'] || join(env['HOME'] || homedir(), '.copilot');
}

/** The user who is logged in to the user's own Copilot CLI; `undefined` if nobody is. */
export async function storedLogin(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { lastLoggedInUser, loggedInUsers } = await readConfig(userCopilotHome(env));
  return lastLoggedInUser?.login ?? loggedInUsers?.[0]?.login;
}

/** Copies the user's login, or its absence, to the runtime home `copilotHome`. Throws DISK_FULL. */
export async function shareLogin(env: NodeJS.ProcessEnv, copilotHome: string): Promise<void> {
  const theirs = await readConfig(userCopilotHome(env));
  const ours = await readConfig(copilotHome);
  const login = pickLogin(theirs);
  if (JSON.stringify(login) === JSON.stringify(pickLogin(ours))) return;
  const rest = Object.entries(ours).filter(([key]) => !(LOGIN_KEYS as readonly string[]).includes(key));
  const merged = { ...Object.fromEntries(rest), ...login };
  writePrivateFile(join(copilotHome, 'config.json'), JSON.stringify(merged, null, 2));
}

function pickLogin(from: z.infer<typeof config>): Record<string, unknown> {
  return Object.fromEntries(LOGIN_KEYS.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]])));
}

async function readConfig(home: string): Promise<z.infer<typeof config>> {
  try {
    const text = await readFile(join(home, 'config.json'), 'utf8');
    // The file begins with comment lines.
    return config.parse(JSON.parse(text.replace(/^\s*\/\/.*$/gm, '')));
  } catch {
    return {};
  }
}
