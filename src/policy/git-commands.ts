/** What a `git` command line runs: its subcommand, aliases, and the options and settings that name programs. */
import { isKnown, known, UNKNOWN_WORDS, type ShellWord } from './words.ts';
import { skipOptions } from './options.ts';
import type { Reading } from './programs.ts';

/** Git's own commands: any other is an alias, or a program that git finds. */
const COMMANDS = new Set(
  `add am annotate apply archive backfill bisect blame branch bugreport bundle cat-file check-attr check-ignore check-mailmap
  check-ref-format checkout checkout-index cherry cherry-pick citool clean clone column commit commit-graph commit-tree
  config count-objects credential credential-cache credential-store daemon describe diagnose diff diff-files diff-index
  diff-pairs diff-tree difftool fast-export fast-import fetch fetch-pack filter-branch fmt-merge-msg for-each-ref
  for-each-repo format-patch fsck fsck-objects gc get-tar-commit-id grep gui hash-object help hook http-backend
  http-fetch http-push imap-send index-pack init init-db instaweb interpret-trailers last-modified log ls-files ls-remote
  ls-tree mailinfo mailsplit maintenance merge merge-base merge-file merge-index merge-octopus merge-one-file merge-ours
  merge-recursive merge-resolve merge-subtree merge-tree mergetool mktag mktree multi-pack-index mv name-rev notes p4
  pack-objects pack-redundant pack-refs patch-id prune prune-packed pull push range-diff read-tree rebase receive-pack
  reflog refs remote remote-ext remote-fd remote-ftp remote-ftps remote-http remote-https repack replace replay repo
  request-pull rerere reset restore rev-list rev-parse revert rm scalar send-email send-pack sh-i18n sh-setup shell
  shortlog show show-branch show-index show-ref sparse-checkout stage stash status stripspace submodule svn switch
  symbolic-ref tag unpack-file unpack-objects update-index update-ref update-server-info upload-archive upload-pack var
  verify-commit verify-pack verify-tag version web--browse whatchanged worktree write-tree
  lfs subtree annex flow`
    .trim()
    .split(/\s+/u),
);

const VALUED = '-C -c --git-dir --work-tree --namespace --super-prefix --config-env --attr-source';
const FLAGS =
  '-p -P --paginate --no-pager --bare --no-replace-objects --no-lazy-fetch --no-optional-locks --no-advice --literal-pathspecs --glob-pathspecs --noglob-pathspecs --icase-pathspecs --version --help -h -v --html-path --man-path --info-path --exec-path';

/** Settings that name no program, by their beginning. */
const HARMLESS_SETTING =
  /^(user|author|committer|color|advice|column|commit\.(gpgsign|verbose|cleanup)|tag\.gpgsign|init\.defaultbranch|safe|protocol|http\.(proxy|sslverify|postbuffer|version|lowspeed\w+)|core\.(autocrlf|quotepath|eol|safecrlf|filemode|longpaths|abbrev|ignorecase|symlinks|compression|bare|worktree|commentchar|precomposeunicode|checkstat|preloadindex|untrackedcache)|diff\.(renames|renamelimit|algorithm|context|noprefix|mnemonicprefix|colormoved|ignoresubmodules|submodule|wserrorhighlight)|merge\.(conflictstyle|ff|renames|renamelimit|log|stat|verbosity|autostash)|rebase\.(autosquash|autostash|updaterefs|backend)|pull|fetch|push|branch|status|log|grep|gc|pack|index|feature|format|i18n|submodule\.(recurse|fetchjobs)|rerere|checkout|stash|clean|apply|blame|clone|transfer|receive|uploadpack|url|remote\.\w+\.(url|fetch|pushurl))(\.|$)/iu;

/** Reads the arguments of `git`. */
export function readGit(words: readonly ShellWord[]): Reading {
  const { at, options, doubtful } = skipOptions(words, VALUED, FLAGS);
  const subcommand = words[at];
  const rest = words.slice(at + 1);
  const texts: ShellWord[] = [];
  const runs: ShellWord[][] = [];
  let opaque = doubtful ? 'an option in front of the command of git is not known' : undefined;
  const aliases = new Map<string, string>();
  for (const { name, value } of options) {
    if (name === '--exec-path' && value !== undefined)
      opaque ??= 'git takes its programs from another folder';
    if (name === '--config-env') opaque ??= 'a setting of git comes from a variable';
    if (name !== '-c' || value === undefined) continue;
    const [key = '', ...text] = value.value.split('=');
    if (!isKnown(value)) opaque ??= `a setting of git is not known before the shell runs (${value.text})`;
    else if (/^alias\./iu.test(key)) aliases.set(key.slice('alias.'.length).toLowerCase(), text.join('='));
    else if (!HARMLESS_SETTING.test(key)) opaque ??= `the setting ${key} of git may name a program`;
  }
  if (subcommand === undefined) return { opaque };
  const name = isKnown(subcommand) ? subcommand.value : undefined;
  const normal = at === 0 ? undefined : words.slice(at);
  const alias = name === undefined ? undefined : aliases.get(name.toLowerCase());
  if (alias?.startsWith('!')) texts.push(known(`${alias.slice(1)} "$@"`));
  else if (alias !== undefined) runs.push([known('git'), ...alias.trim().split(/\s+/u).map(known), ...rest]);
  if (name !== undefined && !COMMANDS.has(name))
    opaque ??= `git ${name} is no command of git: it is an alias, or a program of its own`;
  const inner = name === undefined ? {} : readSubcommand(name, rest);
  return {
    ...(normal && { normal }),
    runs: [...runs, ...(inner.runs ?? [])],
    texts: [...texts, ...(inner.texts ?? [])],
    opaque: opaque ?? inner.opaque,
    ...(inner.writes && { writes: inner.writes }),
  };
}

/** Commands that talk to another repository. */
const REMOTE = /^(clone|fetch|fetch-pack|push|pull|send-pack|ls-remote|archive|remote|submodule)$/u;

function readSubcommand(name: string, words: readonly ShellWord[]): Reading {
  const values = words.map(({ value }) => value);
  if (values.some((value) => /(^|=)ext::/u.test(value)))
    return { opaque: 'the address ext:: runs a program' };
  if (REMOTE.test(name) && values.some((value) => /^--(upl|rece|exe)/u.test(value)))
    return { opaque: 'an option names the program of the other side' };
  if (name === 'clone' && values.includes('-u'))
    return { opaque: 'an option names the program of the other side' };
  switch (name) {
    case 'submodule': {
      const at = values.indexOf('foreach');
      if (at === -1) return {};
      const body = words.slice(at + 1).filter(({ value }) => !/^--?(recursive|quiet|q)$/u.test(value));
      return { texts: [joined(body)] };
    }
    case 'rebase':
      return { texts: valuesOf(words, '-x', '--exec') };
    case 'difftool':
    case 'mergetool':
      return { texts: valuesOf(words, '-x', '--extcmd') };
    case 'grep':
      return values.some((value) => /^(-O|--open)/u.test(value)) ? { opaque: 'an option runs a pager' } : {};
    case 'bisect':
      return values[0] === 'run' ? { runs: [words.slice(1)] } : {};
    case 'filter-branch':
      return { opaque: 'git filter-branch runs shell text' };
    case 'for-each-repo':
      return { runs: [[known('git'), ...words.filter(({ value }) => !value.startsWith('-'))]] };
    case 'stash':
    case 'worktree':
      return values.includes('remove') || values[0] === 'add'
        ? { writes: words.slice(1).filter(({ value }) => !value.startsWith('-') && /[/~]/u.test(value)) }
        : {};
    case 'config':
      return values.some(
        (value) => /^[\w-]+(\.[^\s=]*)?\.[\w-]+$/u.test(value) && !HARMLESS_SETTING.test(value),
      ) && words.filter(({ value }) => !value.startsWith('-') && !/^(set|add)$/u.test(value)).length > 1
        ? { opaque: 'a setting of git may name a program' }
        : {};
    default:
      return {};
  }
}

/** The words with blanks between them, as a shell text. */
export const joined = (words: readonly ShellWord[]): ShellWord =>
  words.length === 0
    ? UNKNOWN_WORDS
    : {
        text: words.map(({ text }) => text).join(' '),
        value: words.map(({ value }) => value).join(' '),
        many: words.some(({ many }) => many),
      };

/** The values of an option: `-x VALUE`, `-xVALUE`, `--exec VALUE` and `--exec=VALUE`, abbreviated or not. */
export function valuesOf(words: readonly ShellWord[], ...names: readonly string[]): ShellWord[] {
  return words.flatMap((word, at) => {
    const [head = ''] = word.value.split('=');
    const named = names.find(
      (name) => head === name || (name.startsWith('--') && head.length > 4 && name.startsWith(head)),
    );
    if (named !== undefined) {
      if (word.value.includes('=')) return [{ ...word, value: word.value.slice(head.length + 1) }];
      return [words[at + 1] ?? UNKNOWN_WORDS];
    }
    const stuck = names.find((name) => /^-\w$/u.test(name) && word.value.startsWith(name));
    return stuck === undefined ? [] : [{ ...word, value: word.value.slice(stuck.length) }];
  });
}
