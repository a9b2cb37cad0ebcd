/** Checks of Copilot: the program, the login, the model. */
import { execa } from 'execa';
import { findCopilot } from '../copilot/runtime/executable.ts';
import { describeModelAccess } from '../copilot/runtime/model-access.ts';
import { defaultModel, providerFrom } from '../copilot/runtime/provider.ts';
import { withScratch } from '../system/scratch-folder.ts';
import type { Check } from '../contract/index.ts';
import { fail, failed, ok, warn } from './check.ts';

/** The first run unpacks 235 MB. */
const VERSION_TIMEOUT_MS = 30_000;
const PROVIDER_TIMEOUT_MS = 5_000;

/** Checks the Copilot CLI that workers run. */
export async function checkCopilot(env: NodeJS.ProcessEnv): Promise<Check> {
  let path;
  try {
    path = await findCopilot(env['SUBAGENTS_COPILOT_PATH']);
  } catch (error) {
    return failed('Copilot', error, 'install it: npm install -g @github/copilot');
  }
  // Copilot CLI writes into its home at every start, so it gets a scratch folder instead of the user's home.
  return withScratch(async (home) => {
    const { stdout, failed, shortMessage } = await execa(path, ['--version'], {
      env: { ...env, COPILOT_HOME: home, COPILOT_AUTO_UPDATE: 'false' },
      extendEnv: false,
      reject: false,
      timeout: VERSION_TIMEOUT_MS,
    });
    if (failed)
      return fail(
        'Copilot',
        `${path} does not run: ${shortMessage ?? ''}`,
        `run "${path} --version" to see why`,
      );
    return ok('Copilot', `${/\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? stdout.split('\n')[0] ?? ''}, ${path}`);
  });
}

/** Checks the login or provider, and the model. */
export async function checkModel(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const access = await describeModelAccess(env);
  if (access.kind === 'none')
    return [fail('login', access.description, access.remedy ?? 'log in to Copilot')];
  const login =
    access.remedy === undefined
      ? ok(
          'login',
          `${access.description}${access.kind === 'login' ? ' (only the first turn shows whether GitHub accepts it)' : ''}`,
        )
      : warn('login', access.description, access.remedy);
  const model = env['SUBAGENTS_MODEL'] || defaultModel(env);
  const provider = providerFrom(env, model);
  if (provider !== undefined) return [login, await checkProvider(provider.baseUrl, model ?? '')];
  return [login, ok('model', model ?? 'Copilot’s default (set SUBAGENTS_MODEL to use another)')];
}

/**
 * Checks whether the provider answers. Providers answer unauthenticated requests differently, so any answer will do.
 */
async function checkProvider(baseUrl: string, model: string): Promise<Check> {
  try {
    await fetch(`${baseUrl.replace(/\/$/, '')}/models`, { signal: AbortSignal.timeout(PROVIDER_TIMEOUT_MS) });
    return ok('model', `${model}; its provider answers`);
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return fail(
      'model',
      `${model}: no answer from its provider (${cause})`,
      'check COPILOT_PROVIDER_BASE_URL, and that it runs',
    );
  }
}
