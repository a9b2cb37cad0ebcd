/** What the environment of a worker holds that is none of its subagents' business. */

// Credentials of the worker itself: its server, its model, its user's GitHub.
const SECRET = [
  /^TEMPORAL_/,
  /^COPILOT_PROVIDER_/,
  /^COPILOT_.*(TOKEN|KEY)/,
  /^(GITHUB_TOKEN|GH_TOKEN|GITHUB_ENTERPRISE_TOKEN|GH_ENTERPRISE_TOKEN)$/,
  /^(OPENAI|AZURE_OPENAI|ANTHROPIC|GEMINI|GOOGLE|GOOGLE_AI|MISTRAL|GROQ|XAI|DEEPSEEK|OPENROUTER|TOGETHER|COHERE)_(API_)?KEY$/,
  /^ANTHROPIC_AUTH_TOKEN$/,
];

// Where the worker was started from: a git hook or an npm script, whose repository and package are other ones.
const ELSEWHERE = [
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|COMMON_DIR|NAMESPACE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES)$/,
  /^GIT_(AUTHOR_DATE|COMMITTER_DATE|REFLOG_ACTION|EDITOR|SEQUENCE_EDITOR|EXEC_PATH|INTERNAL_.*|QUARANTINE_PATH)$/,
  /^npm_(lifecycle|package)_/,
  /^npm_(command|execpath|node_execpath|config_local_prefix)$/,
  /^INIT_CWD$/,
];

/**
 * `env` without credentials of the worker (Temporal, model providers, GitHub), and without what tells programs that
 * they run in the repository or package that the worker was started from. For shells, set-up and verification.
 */
export function cleanEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || [...SECRET, ...ELSEWHERE].some((pattern) => pattern.test(name))) continue;
    clean[name] = value;
  }
  return clean;
}
