/** Removes secrets from the part of a worker's environment that its subagents get. */
import { verdictOnName } from './secret-names.ts';
import { isCapability, isOpenAddress, isTrivial, looksRandom, secretsByShape } from './secret-shapes.ts';

type Env = Readonly<Record<string, string | undefined>>;

// The worker's own credentials: for its server, its model, and its user's GitHub.
const WORKER_CREDENTIALS = [
  /^TEMPORAL_/,
  /^COPILOT_PROVIDER_/,
  /^COPILOT_.*(TOKEN|KEY)/,
  /^(OPENAI|AZURE_OPENAI|ANTHROPIC|GEMINI|GOOGLE|GOOGLE_AI|MISTRAL|GROQ|XAI|DEEPSEEK|OPENROUTER|TOGETHER|COHERE)_(API_)?KEY$/,
];

// Variables of the git hook or npm script that started the worker, which concern another repository or package.
const OF_OTHER_PROJECTS = [
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|COMMON_DIR|NAMESPACE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES)$/,
  /^GIT_(AUTHOR_DATE|COMMITTER_DATE|REFLOG_ACTION|EDITOR|SEQUENCE_EDITOR|EXEC_PATH|INTERNAL_.*|QUARANTINE_PATH)$/,
  /^npm_(lifecycle|package)_/,
  /^npm_(command|execpath|node_execpath|config_local_prefix)$/,
  /^INIT_CWD$/,
];

/** The variable by which a worker passes secrets of its environment to all its subagents: `A,B`. */
export const PASSED_SECRETS_VARIABLE = 'SUBAGENTS_ENV';

/** The names in that variable. It is a setting of the worker, so no repository can change it. */
export const passedSecrets = (env: Env): string[] =>
  (env[PASSED_SECRETS_VARIABLE] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);

/**
 * `env` without secrets (the worker's own credentials, and every variable named or shaped like a secret), except for
 * names in `allowed` and in `SUBAGENTS_ENV`; and without variables that tie programs to the repository or package that
 * the worker was started from. For shells, set-up and verification.
 */
export function cleanEnvironment(env: Env, allowed: readonly string[] = []): Record<string, string> {
  const clean: Record<string, string> = {};
  const passed = new Set([...allowed, ...passedSecrets(env)]);
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    const { withheld, elsewhere } = verdictOn(name, value);
    if (!elsewhere && (!withheld || passed.has(name))) clean[name] = value;
  }
  return clean;
}

interface Verdict {
  readonly value: string;
  readonly withheld: boolean;
  readonly elsewhere: boolean;
}
/** The latest verdict for each variable: every git call checks all variables, and scanning a value is slow. */
const verdicts = new Map<string, Verdict>();

function verdictOn(name: string, value: string): Verdict {
  const known = verdicts.get(name);
  if (known?.value === value) return known;
  const withheld =
    WORKER_CREDENTIALS.some((pattern) => pattern.test(name)) || secretsOf(name, value).length > 0;
  const elsewhere = OF_OTHER_PROJECTS.some((pattern) => pattern.test(name));
  const verdict = { value, withheld, elsewhere };
  verdicts.set(name, verdict);
  return verdict;
}

/** Whether a variable is withheld from shells unless `SUBAGENTS_ENV` or a spawn names it. */
export const isWithheld = (name: string, value: string): boolean => verdictOn(name, value).withheld;

/** Variables by how they are treated, as sorted names. */
export interface Withheld {
  /** Withheld because they are named or shaped like secrets; a repository's commands may need them. */
  readonly secrets: readonly string[];
  /** Withheld because they are the worker's own, for its server and its model. */
  readonly own: readonly string[];
  /** Passed to shells, although the value looks random. */
  readonly random: readonly string[];
}

/** @param allowed names that a spawn passes on, in addition to those in `SUBAGENTS_ENV` */
export function withheldFrom(env: Env, allowed: readonly string[] = []): Withheld {
  const passed = new Set([...allowed, ...passedSecrets(env)]);
  const entries = Object.entries(env).filter(([name, value]) => value && !passed.has(name));
  const names = (test: (name: string, value: string) => boolean): string[] =>
    entries
      .filter(([name, value = '']) => test(name, value))
      .map(([name]) => name)
      .sort();
  const isOwn = (name: string): boolean => WORKER_CREDENTIALS.some((pattern) => pattern.test(name));
  return {
    secrets: names((name, value) => !isOwn(name) && isWithheld(name, value)),
    own: names(isOwn),
    random: names((name, value) => !isWithheld(name, value) && looksRandom(value)),
  };
}

/** The secrets in `env`, each with its variable's name. They are redacted from everything a worker sends out. */
export function secretsIn(env: Env): [name: string, secret: string][] {
  return Object.entries(env).flatMap(([name, value = '']) => {
    const ours =
      WORKER_CREDENTIALS.some((pattern) => pattern.test(name)) &&
      /TOKEN|KEY|HEADERS|SECRET|PASSWORD|AUTH|META|DATA/.test(name);
    const secrets = ours && !isTrivial(value) ? [value] : secretsOf(name, value);
    return [...new Set(secrets)].map((secret): [string, string] => [name, secret]);
  });
}

/** The secrets in a variable: its whole value if the name says so, otherwise the parts that look like secrets. */
function secretsOf(name: string, value: string): string[] {
  const byShape = secretsByShape(value);
  const verdict = verdictOnName(name);
  if (verdict === 'secret' && !isTrivial(value)) return [value, ...byShape];
  if (verdict === 'address' && !isTrivial(value) && (isCapability(value) || !isOpenAddress(value)))
    return [value, ...byShape];
  return byShape;
}
