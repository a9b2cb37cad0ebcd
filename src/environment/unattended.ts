/**
 * Settings for programs that run for a subagent without a person: what would ask a question fails at once with a
 * message for the model, or gets a prepared answer. Uses the programs' own settings, and never `CI=1`, which changes
 * what builds do.
 */
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePrivateDir, writePrivateFile } from '../system/files.ts';
import { shellQuoted } from '../system/shell-quote.ts';

/** A git setting passed by environment. `-c` on a command line, and git's own variables, take precedence. */
export type GitSetting = readonly [key: string, value: string];

/** What is set for unattended programs. */
export interface Unattended {
  readonly env: Readonly<Record<string, string>>;
  /** Set only if the environment does not set them. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Appended to the settings that the environment already has (`GIT_CONFIG_COUNT`). */
  readonly git: readonly GitSetting[];
}

/**
 * An editor that accepts a message git has prepared (rebase, merge, revert, amend), and fails if one must be written.
 */
const EDITOR = `#!/bin/sh
# The editor of a subagent, which nobody can type into.
for file; do :; done
name=\${file##*/}
written() { sed -e '/^[#;] -* >8 -*$/,$d' -e '/^[#;]/d' -e '/^[[:space:]]*$/d' "$file" 2>/dev/null; }
case $name in
  COMMIT_EDITMSG | MERGE_MSG | SQUASH_MSG | TAG_EDITMSG | NOTES_EDITMSG)
    [ -n "$(written)" ] && exit 0
    how='Give the message on the command line: -m "…", or -F FILE.' ;;
  git-rebase-todo)
    [ -n "$(written | grep -Ev '^(p|pick|noop)( |$)')" ] && exit 0
    how="Say what to change: GIT_SEQUENCE_EDITOR='sed -i \\"2s/^pick/squash/\\"' git rebase -i …; or leave out -i." ;;
  *)
    how="Write the file yourself, or name a command that does: EDITOR='cp prepared.txt' …" ;;
esac
echo "subagents: an editor was started for $name, but nobody can type here. $how" >&2
exit 1
`;

/** Refuses every question: passwords, passphrases, confirmation of a host's key. */
const ASKPASS = `#!/bin/sh
echo "subagents: nobody can answer here: $1" >&2
exit 1
`;

/**
 * Without a terminal, Vim itself reads commands from standard error, where none ever arrive. With this setting it ends
 * after the commands of its command line (`-c`, `-es`), which a script may use.
 */
const VIM =
  'autocmd VimEnter * silent execute "!echo subagents: vim was started, but nobody can type here: change the file with a command >&2" | cquit';

/** Makes apt-get decline to continue unless -y is given, instead of asking. */
const APT = 'APT::Get::Assume-No "true";\n';

/** Variables that name an editor or pager for one program, other than EDITOR and PAGER. */
const OTHERS = /^(?!EDITOR$|PAGER$|GIT_PAGER$)[A-Za-z0-9_]*(EDITOR|PAGER)$/;

/**
 * @param root the home, which stores the programs that replace a person
 * @param given names of variables that the worker or the spawn leaves unchanged
 */
export function unattended(root: string, given: readonly string[] = []): Unattended {
  const folder = join(root, 'unattended');
  const editor = keep(folder, 'editor', EDITOR);
  const askpass = keep(folder, 'askpass', ASKPASS);
  const env: Record<string, string> = {
    // Editors and pagers
    EDITOR: editor,
    VISUAL: editor,
    PAGER: 'cat',
    GIT_PAGER: 'cat',
    VIMINIT: VIM,
    // Passwords and host keys
    GIT_TERMINAL_PROMPT: '0',
    GCM_INTERACTIVE: 'never',
    GIT_ASKPASS: askpass,
    SSH_ASKPASS: askpass,
    SSH_ASKPASS_REQUIRE: 'force',
    SUDO_ASKPASS: askpass,
  };
  const defaults: Record<string, string> = {
    // Package managers and other tools. Without a terminal npx continues by itself; with one it asks.
    DEBIAN_FRONTEND: 'noninteractive',
    APT_CONFIG: keep(folder, 'apt.conf', APT),
    npm_config_yes: 'true',
    COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
    PIP_NO_INPUT: '1',
    POETRY_NO_INTERACTION: '1',
    CONDA_ALWAYS_YES: 'true',
    COMPOSER_NO_INTERACTION: '1',
    NG_CLI_ANALYTICS: 'false',
    DENO_NO_PROMPT: '1',
    GH_PROMPT_DISABLED: '1',
    TF_INPUT: '0',
    CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
  };
  for (const name of given) delete env[name];
  // Set by git configuration, so that a subagent's own choice takes precedence, and the user's configuration does not.
  const git: GitSetting[] = given.includes('EDITOR')
    ? []
    : [
        ['core.editor', shellQuoted(editor)],
        ['sequence.editor', shellQuoted(editor)],
      ];
  return { env, defaults, git };
}

/** `env` with the unattended settings, and with further git `settings`. */
export function unattendedEnvironment(
  env: Readonly<Record<string, string>>,
  { env: set, defaults, git }: Unattended,
  settings: readonly GitSetting[] = [],
  given: readonly string[] = [],
): Record<string, string> {
  const rest = Object.entries(env).filter(([name]) => !OTHERS.test(name) || given.includes(name));
  const known = Number(env['GIT_CONFIG_COUNT'] ?? 0) || 0;
  const all = [...git, ...settings];
  return {
    ...defaults,
    ...Object.fromEntries(rest),
    ...set,
    ...Object.fromEntries(
      all.flatMap(([key, value], at) => [
        [`GIT_CONFIG_KEY_${known + at}`, key],
        [`GIT_CONFIG_VALUE_${known + at}`, value],
      ]),
    ),
    ...(all.length > 0 && { GIT_CONFIG_COUNT: String(known + all.length) }),
  };
}

/** The same as lines of a bash script. */
export function unattendedScript(
  { env, defaults, git }: Unattended,
  settings: readonly GitSetting[] = [],
  given: readonly string[] = [],
): string[] {
  const all = [...git, ...settings];
  const kept = given.length === 0 ? '' : `${given.join(' | ')}) ;; `;
  return [
    'for subagents_each in $(compgen -A export); do',
    `  case $subagents_each in ${kept}EDITOR | PAGER | GIT_PAGER) ;; *EDITOR | *PAGER) unset "$subagents_each" ;; esac`,
    'done',
    'unset subagents_each',
    ...Object.entries(env).map(([name, value]) => `export ${name}=${shellQuoted(value)}`),
    ...Object.entries(defaults).map(
      ([name, value]) => `[ -n "\${${name}+set}" ] || export ${name}=${shellQuoted(value)}`,
    ),
    ...all.flatMap(([key, value]) => [
      'GIT_CONFIG_COUNT=${GIT_CONFIG_COUNT:-0}',
      `export GIT_CONFIG_KEY_$GIT_CONFIG_COUNT=${shellQuoted(key)} GIT_CONFIG_VALUE_$GIT_CONFIG_COUNT=${shellQuoted(value)}`,
      'export GIT_CONFIG_COUNT=$((GIT_CONFIG_COUNT + 1))',
    ]),
  ];
}

/** Writes a file of ours into the home if it differs from this version. Scripts are made executable. */
function keep(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return path;
  ensurePrivateDir(folder);
  writePrivateFile(path, text);
  if (text.startsWith('#!')) chmodSync(path, 0o700);
  return path;
}
