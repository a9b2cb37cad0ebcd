/**
 * Nobody is there to answer what runs for a subagent: what would ask fails at once, with words for a model, or takes the
 * answer that is prepared. By the programs' own settings, and never by `CI=1`, which changes what builds do.
 */
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePrivateDir, writePrivateFile } from '../system/files.ts';

/** A setting of git for one environment: what a command names with `-c`, or in a variable of its own, counts more. */
export type GitSetting = readonly [key: string, value: string];

/** What is set for what nobody attends. */
export interface Unattended {
  readonly env: Readonly<Record<string, string>>;
  /** Where the environment does not say else already. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Behind those that the environment has already (`GIT_CONFIG_COUNT`). */
  readonly git: readonly GitSetting[];
}

/** Takes a message that git has prepared (rebase, merge, revert, amend); fails where one is to be written. */
const EDITOR = `#!/bin/sh
# The editor of a subagent: nobody is there to type.
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
echo "subagents: an editor was to open $name, and nobody is here to type. $how" >&2
exit 1
`;

/** Answers no question: passwords, passphrases, whether a host's key is right. */
const ASKPASS = `#!/bin/sh
echo "subagents: nobody is here to answer: $1" >&2
exit 1
`;

/**
 * Vim by itself, without a terminal, reads what to do from its standard error, where nothing ever comes. It ends once it has done what
 * its command line says (`-c`, `-es`), which a script may use.
 */
const VIM =
  'autocmd VimEnter * silent execute "!echo subagents: vim was to open a file, and nobody is here to type: change it by a command >&2" | cquit';

/** apt-get asks whether to go on, unless -y says so. */
const APT = 'APT::Get::Assume-No "true";\n';

/** Variables that name another editor or pager than EDITOR and PAGER, for one program. */
const OTHERS = /^(?!EDITOR$|PAGER$|GIT_PAGER$)[A-Za-z0-9_]*(EDITOR|PAGER)$/;

/**
 * @param root the home: the programs that take the place of a person are kept there
 * @param given names of variables that the worker or the spawn leaves as they are
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
    // Package managers and other tools. npx without a terminal goes on by itself; with one it asks.
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
  // In git's configuration, so that what a subagent names counts more, and what its user has configured does not.
  const git: GitSetting[] = given.includes('EDITOR')
    ? []
    : [
        ['core.editor', quoted(editor)],
        ['sequence.editor', quoted(editor)],
      ];
  return { env, defaults, git };
}

/** `env` with what is set for what nobody attends, and with `settings` of git beside. */
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
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`),
    ...Object.entries(defaults).map(
      ([name, value]) => `[ -n "\${${name}+set}" ] || export ${name}=${quoted(value)}`,
    ),
    ...all.flatMap(([key, value]) => [
      'GIT_CONFIG_COUNT=${GIT_CONFIG_COUNT:-0}',
      `export GIT_CONFIG_KEY_$GIT_CONFIG_COUNT=${quoted(key)} GIT_CONFIG_VALUE_$GIT_CONFIG_COUNT=${quoted(value)}`,
      'export GIT_CONFIG_COUNT=$((GIT_CONFIG_COUNT + 1))',
    ]),
  ];
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A file of ours in the home, as this version has it; what is a program can be run. */
function keep(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return path;
  ensurePrivateDir(folder);
  writePrivateFile(path, text);
  if (text.startsWith('#!')) chmodSync(path, 0o700);
  return path;
}
