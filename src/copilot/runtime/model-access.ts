/** Which model a worker can use, as far as can be determined without network requests. */
import { execa } from 'execa';
import { LOGIN_VARIABLES, storedLogin } from './login.ts';
import { defaultModel, providerFrom } from './provider.ts';

/** The access that was found, or `none` with the remedy. */
export interface ModelAccess {
  readonly kind: 'login' | 'provider' | 'none';
  /** Description of what was found, for people. */
  readonly description: string;
  /** What to do if the access does not work. */
  readonly remedy?: string;
}

/**
 * Looks for a provider of the user's own, then for a Copilot login. A login that is found may still not work, which
 * shows at the first turn.
 */
export async function describeModelAccess(env: NodeJS.ProcessEnv): Promise<ModelAccess> {
  const provider = providerFrom(env, undefined);
  if (provider !== undefined) {
    const model = defaultModel(env);
    if (model !== undefined)
      return { kind: 'provider', description: `model ${model} at ${shown(provider.baseUrl)}` };
    return {
      kind: 'none',
      description: `a provider at ${shown(provider.baseUrl)}, but no model`,
      remedy: 'set COPILOT_MODEL to the name of a model that the provider has',
    };
  }
  const variable = LOGIN_VARIABLES.find((name) => (env[name] ?? '') !== '');
  if (variable !== undefined) {
    const classic = env[variable]?.startsWith('ghp_') ?? false;
    return {
      kind: 'login',
      description: `GitHub Copilot, by the token in ${variable}`,
      ...(classic && {
        remedy: `Copilot refuses classic tokens (ghp_…): set ${variable} to a fine-grained token with the permission "Copilot Requests", or unset it`,
      }),
    };
  }
  const user = await storedLogin(env);
  if (user !== undefined) return { kind: 'login', description: `GitHub Copilot, logged in as ${user}` };
  if (await hasGitHubCli(env))
    return { kind: 'login', description: 'GitHub Copilot, by the login of the gh command' };
  return {
    kind: 'none',
    description: 'neither a Copilot login nor a model provider',
    remedy:
      'log in with `npx @github/copilot login` (or `gh auth login`), or name your own model in COPILOT_PROVIDER_BASE_URL and COPILOT_MODEL',
  };
}

/**
 * Like `describeModelAccess`, but caches the first access found. Until then it looks again, so that a later login is
 * noticed.
 */
export function cachedModelAccess(env: NodeJS.ProcessEnv): () => Promise<ModelAccess> {
  let found: ModelAccess | undefined;
  return async () => {
    if (found) return found;
    const access = await describeModelAccess(env);
    if (access.kind !== 'none') found = access;
    return access;
  };
}

async function hasGitHubCli(env: NodeJS.ProcessEnv): Promise<boolean> {
  const { exitCode } = await execa('gh', ['auth', 'token'], {
    env,
    extendEnv: false,
    reject: false,
    timeout: 5_000,
    stdio: 'ignore',
  });
  return exitCode === 0;
}

/** A URL without credentials and query. */
function shown(url: string): string {
  try {
    const parsed = new URL(url);
    return `${parsed.origin}${parsed.pathname}`;
  } catch {
    return 'an invalid URL';
  }
}
