/** What the environment of a worker holds that is none of its subagents' business. */
import { verdictOnName } from './secret-names.ts';
import { isCapability, isOpenAddress, isTrivial, looksRandom, secretsByShape } from './secret-shapes.ts';

type Env = Readonly<Record<string, string | undefined>>;

// Credentials of the worker itself, whatever their names say: its server, its model, its user's GitHub.
const OURS = [
  /^TEMPORAL_/,
  /^COPILOT_PROVIDER_/,
  /^COPILOT_.*(TOKEN|KEY)/,
  /^(OPENAI|AZURE_OPENAI|ANTHROPIC|GEMINI|GOOGLE|GOOGLE_AI|MISTRAL|GROQ|XAI|DEEPSEEK|OPENROUTER|TOGETHER|COHERE)_(API_)?KEY$/,
];

// Where the worker was started from: a git hook or an npm script, whose repository and package are other ones.
const ELSEWHERE = [
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|COMMON_DIR|NAMESPACE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES)$/,
  /^GIT_(AUTHOR_DATE|COMMITTER_DATE|REFLOG_ACTION|EDITOR|SEQUENCE_EDITOR|EXEC_PATH|INTERNAL_.*|QUARANTINE_PATH)$/,
  /^npm_(lifecycle|package)_/,
  /^npm_(command|execpath|node_execpath|config_local_prefix)$/,
  /^INIT_CWD$/,
];

/** The variable by which a worker gives secrets of its environment to all its subagents: `A,B`. */
export const GIVEN_VARIABLE = 'SUBAGENTS_ENV';

/** The names in it. It is the worker's setting: no repository has a say in it. */
export const givenBy = (env: Env): string[] =>
  (env[GIVEN_VARIABLE] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);

/**
 * `env` without secrets (the worker's own credentials, and every variable that is named or shaped like a secret), but for those in
 * `allowed` and in `SUBAGENTS_ENV`; and without what tells programs that they run in the repository or package that the worker was started
 * from. For shells, set-up and verification.
 */
export function cleanEnvironment(env: Env, allowed: readonly string[] = []): Record<string, string> {
  const clean: Record<string, string> = {};
  const given = new Set([...allowed, ...givenBy(env)]);
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    const { withheld, elsewhere } = verdictOn(name, value);
    if (!elsewhere && (!withheld || given.has(name))) clean[name] = value;
  }
  return clean;
}

interface Verdict {
  readonly value: string;
  readonly withheld: boolean;
  readonly elsewhere: boolean;
}
/** The newest verdict on each variable: every call of git asks for all of them, and reading a value takes long. */
const verdicts = new Map<string, Verdict>();

function verdictOn(name: string, value: string): Verdict {
  const known = verdicts.get(name);
  if (known?.value === value) return known;
  const withheld = OURS.some((pattern) => pattern.test(name)) || secretsOf(name, value).length > 0;
  const elsewhere = ELSEWHERE.some((pattern) => pattern.test(name));
  const verdict = { value, withheld, elsewhere };
  verdicts.set(name, verdict);
  return verdict;
}

/** Whether a variable is kept from shells unless `SUBAGENTS_ENV` or a spawn names it. */
export const isWithheld = (name: string, value: string): boolean => verdictOn(name, value).withheld;

/** What is kept from shells, by name, in order. */
export interface Withheld {
  /** Named or shaped like a secret: what the commands of a repository may need. */
  readonly secrets: readonly string[];
  /** Of the worker itself: its server, its model. */
  readonly own: readonly string[];
  /** Given to shells, though the value looks drawn by chance. */
  readonly random: readonly string[];
}

/** @param allowed names that a spawn gives back, beside those of `SUBAGENTS_ENV` */
export function withheldFrom(env: Env, allowed: readonly string[] = []): Withheld {
  const given = new Set([...allowed, ...givenBy(env)]);
  const entries = Object.entries(env).filter(([name, value]) => value && !given.has(name));
  const names = (test: (name: string, value: string) => boolean): string[] =>
    entries
      .filter(([name, value = '']) => test(name, value))
      .map(([name]) => name)
      .sort();
  const isOwn = (name: string): boolean => OURS.some((pattern) => pattern.test(name));
  return {
    secrets: names((name, value) => !isOwn(name) && isWithheld(name, value)),
    own: names(isOwn),
    random: names((name, value) => !isWithheld(name, value) && looksRandom(value)),
  };
}

/** The secrets in `env`, each with the name of the variable that has it: what is redacted wherever a worker's words go. */
export function secretsIn(env: Env): [name: string, secret: string][] {
  return Object.entries(env).flatMap(([name, value = '']) => {
    const ours =
      OURS.some((pattern) => pattern.test(name)) &&
      /TOKEN|KEY|HEADERS|SECRET|PASSWORD|AUTH|META|DATA/.test(name);
    const secrets = ours && !isTrivial(value) ? [value] : secretsOf(name, value);
    return [...new Set(secrets)].map((secret): [string, string] => [name, secret]);
  });
}

/** What of a variable is secret: all of it where its name says so, else what in it looks like one. */
function secretsOf(name: string, value: string): string[] {
  const byShape = secretsByShape(value);
  const verdict = verdictOnName(name);
  if (verdict === 'secret' && !isTrivial(value)) return [value, ...byShape];
  if (verdict === 'address' && !isTrivial(value) && (isCapability(value) || !isOpenAddress(value)))
    return [value, ...byShape];
  return byShape;
}
