/**
 * The user's own model provider, from Copilot's environment variables. The runtime reads most of them only in its own
 * command line.
 */
import type { ProviderConfig } from '@github/copilot-sdk';
import { execa } from 'execa';

/** The provider that the environment configures for `model`; `undefined` if Copilot's own models are used. */
export function providerFrom(env: NodeJS.ProcessEnv, model: string | undefined): ProviderConfig | undefined {
  const set = (name: string): string | undefined => {
    const value = env[`COPILOT_PROVIDER_${name}`];
    return value === '' ? undefined : value;
  };
  const baseUrl = set('BASE_URL');
  if (baseUrl === undefined) return undefined;
  const keyCommand = set('API_KEY_COMMAND');
  // MODEL_ID and WIRE_MODEL belong to the default model; any other model is used under its own name.
  const own = model === undefined || model === env['COPILOT_MODEL'];
  return dropUndefined({
    baseUrl,
    type: set('TYPE') as ProviderConfig['type'],
    wireApi: set('WIRE_API') as ProviderConfig['wireApi'],
    transport: set('TRANSPORT') as ProviderConfig['transport'],
    apiKey: keyCommand === undefined ? set('API_KEY') : undefined,
    bearerToken: set('BEARER_TOKEN'),
    bearerTokenProvider: keyCommand === undefined ? undefined : () => printedBy(keyCommand, env),
    azure: set('AZURE_API_VERSION') === undefined ? undefined : { apiVersion: set('AZURE_API_VERSION') },
    headers: readHeaders(set('HEADERS')),
    modelId: own ? set('MODEL_ID') : undefined,
    wireModel: own ? set('WIRE_MODEL') : undefined,
    maxPromptTokens: readNumber(set('MAX_PROMPT_TOKENS')),
    maxOutputTokens: readNumber(set('MAX_OUTPUT_TOKENS')),
  }) as ProviderConfig;
}

/** The model of a turn if the spawn names none; `undefined` leaves the choice to Copilot. */
export function defaultModel(env: NodeJS.ProcessEnv): string | undefined {
  const model = env['COPILOT_MODEL'];
  return model === '' ? undefined : model;
}

async function printedBy(command: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await execa(command, { shell: true, env, timeout: 30_000 });
  return stdout.trim();
}

/** Parses `Name: Value` pairs, separated by newlines or by the two characters `\n`. */
function readHeaders(text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined;
  const pairs = text.split(/\n|\\n/).flatMap((line) => {
    const colon = line.indexOf(':');
    return colon < 1 ? [] : [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const];
  });
  return Object.fromEntries(pairs);
}

function readNumber(text: string | undefined): number | undefined {
  const value = Number(text);
  return text !== undefined && Number.isInteger(value) && value > 0 ? value : undefined;
}

function dropUndefined(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
