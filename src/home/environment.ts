/** What the environment of a worker holds that is none of its subagents' business. */
import { existsSync } from 'node:fs';

type Env = Readonly<Record<string, string | undefined>>;

// Credentials of the worker itself, whatever their names say: its server, its model, its user's GitHub.
const OURS = [
  /^TEMPORAL_/,
  /^COPILOT_PROVIDER_/,
  /^COPILOT_.*(TOKEN|KEY)/,
  /^(OPENAI|AZURE_OPENAI|ANTHROPIC|GEMINI|GOOGLE|GOOGLE_AI|MISTRAL|GROQ|XAI|DEEPSEEK|OPENROUTER|TOGETHER|COHERE)_(API_)?KEY$/,
];

// Names by which people call secrets.
const SECRET =
  /(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PAT|CREDENTIALS?|API_?KEY|ACCESS_?KEY(_ID)?|PRIVATE_?KEY|SECRET_?KEY|AUTH_?KEY|SIGNING_?KEY|ENCRYPTION_?KEY)(_|$)|(TOKEN|SECRET|PASSWORD|APIKEY)$/i;

// Where the worker was started from: a git hook or an npm script, whose repository and package are other ones.
const ELSEWHERE = [
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|COMMON_DIR|NAMESPACE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES)$/,
  /^GIT_(AUTHOR_DATE|COMMITTER_DATE|REFLOG_ACTION|EDITOR|SEQUENCE_EDITOR|EXEC_PATH|INTERNAL_.*|QUARANTINE_PATH)$/,
  /^npm_(lifecycle|package)_/,
  /^npm_(command|execpath|node_execpath|config_local_prefix)$/,
  /^INIT_CWD$/,
];

/**
 * `env` without secrets (the worker's own credentials, and every variable that is named like a secret), but for those in
 * `allowed`; and without what tells programs that they run in the repository or package that the worker was started
 * from. For shells, set-up and verification.
 */
export function cleanEnvironment(env: Env, allowed: readonly string[] = []): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || ELSEWHERE.some((pattern) => pattern.test(name))) continue;
    if (isWithheld(name, value) && !allowed.includes(name)) continue;
    clean[name] = value;
  }
  return clean;
}

/** Whether a variable is kept from shells unless a spawn names it. */
export function isWithheld(name: string, value: string): boolean {
  return OURS.some((pattern) => pattern.test(name)) || holdsSecret(name, value);
}

/** The secrets in `env`, by the name of the variable that has them: what is redacted wherever a worker's words go. */
export function secretsIn(env: Env): Map<string, string> {
  const secrets = new Map<string, string>();
  for (const [name, value = ''] of Object.entries(env)) {
    const ours =
      OURS.some((pattern) => pattern.test(name)) &&
      /TOKEN|KEY|HEADERS|SECRET|PASSWORD|AUTH|META|DATA/.test(name);
    if (holdsSecret(name, value) || (ours && !isTrivial(value))) secrets.set(name, value);
    const password = /:\/\/[^/\s:@]*:([^/\s@]+)@/.exec(value)?.[1];
    if (password !== undefined && !secrets.has(name)) secrets.set(name, password);
  }
  return secrets;
}

const holdsSecret = (name: string, value: string): boolean => SECRET.test(name) && !isTrivial(value);

/** A switch, a number, or where something lies: `CREDENTIALS=/path/to/file` names a secret and is none. */
function isTrivial(value: string): boolean {
  return (
    /^(|true|false|yes|no|on|off|none|null|\d{1,9})$/i.test(value.trim()) ||
    (/^[~./]/.test(value) && existsSync(value.replace(/^~/, process.env['HOME'] ?? '~')))
  );
}
