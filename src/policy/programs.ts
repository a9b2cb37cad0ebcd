/** What is known of programs: which run the commands, texts or files that their arguments name, and which files they change. */
import { joined, readGit, valuesOf } from './git-commands.ts';
import { skipOptions } from './options.ts';
import { ANY, isKnown, UNKNOWN_WORDS, type ShellWord } from './words.ts';

/** What a command does beside what its own name says. */
export interface Reading {
  /** Whether its own name matters only to rules that are about it: what counts is what it runs. */
  readonly wrapper?: boolean;
  /** Commands that it runs: the program, and its arguments. */
  readonly runs?: readonly (readonly ShellWord[])[];
  /** Shell texts that it runs. */
  readonly texts?: readonly ShellWord[];
  /** Commands that it may run: where they begin cannot be told. */
  readonly mayRun?: readonly (readonly ShellWord[])[];
  /** Why it cannot be told what it does. */
  readonly opaque?: string | undefined;
  /** Its arguments without the options in front of its subcommand. */
  readonly normal?: readonly ShellWord[];
  /** Files that it changes or deletes. */
  readonly writes?: readonly ShellWord[];
  /** The folder that it changes to. */
  readonly folder?: ShellWord;
  /** Whether it connects to the hosts that its arguments name. */
  readonly connects?: boolean;
}

interface Wrapper {
  readonly valued?: string;
  readonly flags?: string;
  /** Words before the command. */
  readonly before?: number;
  /** Whether `NAME=value` may stand before the command. */
  readonly assigns?: true;
  /** Options whose value is a shell text. */
  readonly text?: readonly string[];
  /** Whether it adds words of its own. */
  readonly adds?: true;
  /** Whether all words are one shell text. */
  readonly joins?: true;
}

/** Programs that run the command after their options. */
const WRAPPERS: Readonly<Record<string, Wrapper>> = {
  sudo: {
    valued: '-u -g -h -p -C -r -t -T -U -D -R --user --group --host --prompt --chdir --chroot --role --type',
    flags:
      '-n -E -H -k -K -S -b -A -B -P -i -s -l -v --non-interactive --preserve-env --set-home --login --shell',
    assigns: true,
  },
  doas: { valued: '-u -C', flags: '-n -s -L', assigns: true },
  run0: { valued: '-u -g -D --user --group --chdir' },
  pkexec: { valued: '--user' },
  env: {
    valued: '-u -C -S --unset --chdir --split-string',
    flags: '- -i -0 -v --ignore-environment --null --debug',
    assigns: true,
    text: ['-S', '--split-string'],
  },
  'cross-env': { assigns: true },
  nice: { valued: '-n --adjustment', flags: '-0 -1 -2 -3 -4 -5 -6 -7 -8 -9' },
  ionice: { valued: '-c -n -p -P -u --class --classdata', flags: '-t' },
  chrt: { valued: '-p -T -P -D', flags: '-b -f -i -o -r', before: 1 },
  taskset: { flags: '-a', valued: '-c --cpu-list', before: 1 },
  nohup: {},
  time: { valued: '-f -o --format --output', flags: '-p -v -a --portability --verbose --append' },
  timeout: {
    valued: '-s -k --signal --kill-after',
    flags: '-v -f -p --preserve-status --foreground --verbose',
    before: 1,
  },
  gtimeout: { valued: '-s -k --signal --kill-after', flags: '--preserve-status --foreground', before: 1 },
  command: { flags: '-p' },
  builtin: {},
  exec: { valued: '-a', flags: '-c -l' },
  setsid: { flags: '-c -f -w --ctty --fork --wait' },
  setpriv: {},
  setarch: {},
  prlimit: {},
  stdbuf: { valued: '-i -o -e --input --output --error' },
  unbuffer: { flags: '-p' },
  caffeinate: { valued: '-t -w', flags: '-d -i -m -s -u' },
  chroot: { before: 1 },
  unshare: {},
  nsenter: {},
  'systemd-run': {},
  'systemd-inhibit': {},
  'dbus-run-session': {},
  'xvfb-run': {},
  firejail: {},
  proot: {},
  fakeroot: {},
  bwrap: {},
  strace: { valued: '-e -o -p -s -u -E -a -b -I -O -P -S -X', flags: '-f -ff -c -C -t -tt -T -v -x -y -q' },
  ltrace: {},
  perf: {},
  valgrind: {},
  proxychains: {},
  proxychains4: {},
  torsocks: {},
  watch: { valued: '-n --interval', flags: '-d -t -e -g -c -x -b', joins: true },
  flock: {
    valued: '-w -E -c --timeout --command',
    flags: '-s -x -n -u -o',
    before: 1,
    text: ['-c', '--command'],
  },
  script: { valued: '-c -I -O -B -T -o -E --command', flags: '-q -e -f -a', text: ['-c', '--command'] },
  su: {
    valued: '-c -s -g -G -w --command --shell',
    flags: '- -l -m -p',
    text: ['-c', '--command'],
    before: 1,
  },
  runuser: { valued: '-c -s -u -g -G --command --user', flags: '- -l', text: ['-c', '--command'] },
  busybox: {},
  toybox: {},
  corepack: {},
  npx: {
    valued: '-p -c -w --package --call --workspace --cache --prefix --registry',
    flags:
      '-y --yes --no --no-install -q --quiet --prefer-offline --prefer-online --offline --ignore-existing',
    text: ['-c', '--call'],
  },
  pnpx: { flags: '-y --yes --silent' },
  bunx: { flags: '-y --yes --bun', valued: '-p --package' },
  uvx: { valued: '--from --with --python -p', flags: '-q --quiet --isolated' },
  xargs: {
    valued:
      '-I -n -P -L -d -a -E -s --max-args --max-procs --max-lines --delimiter --arg-file --replace --max-chars',
    flags: '-0 -r -t -p -x -i -e -l --null --no-run-if-empty --verbose --interactive --exit',
    adds: true,
  },
  rush: {},
  ssh: {
    valued: '-b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w',
    flags: '-4 -6 -A -a -C -f -G -g -K -k -M -N -n -q -s -T -t -V -v -X -x -Y -y',
    before: 1,
    joins: true,
  },
};
/** Subcommands of a program that run the command behind them. */
const RUNNERS: Readonly<Record<string, readonly string[]>> = {
  npm: ['exec', 'x'],
  pnpm: ['dlx', 'exec', 'x'],
  yarn: ['dlx', 'exec'],
  bun: ['x'],
  uv: ['run', 'tool run', 'x'],
  pipx: ['run'],
  poetry: ['run'],
  pdm: ['run'],
  hatch: ['run'],
  pipenv: ['run'],
  rye: ['run'],
  bundle: ['exec'],
  mise: ['exec', 'x'],
  asdf: ['exec'],
  direnv: ['exec'],
  nix: ['run', 'develop', 'shell'],
  op: ['run'],
  doppler: ['run'],
  lerna: ['exec'],
};

/** Shells that read the same grammar. */
const SHELLS = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh', 'mksh', 'ash', 'rbash']);
const SHELL_VALUED = '-o +o -O +O --rcfile --init-file';

/** Programs that run a text or a file in a language of their own, by their name without a version. */
const INTERPRETERS = new Set(
  `node nodejs deno bun tsx ts-node python pypy ipython perl ruby irb php lua luajit tclsh wish expect osascript Rscript R
  julia groovy scala kotlinc jshell ghci runghc erl elixir iex pwsh powershell fish csh tcsh rc es xonsh nu elvish emacs vim
  vi nvim ex ed view gdb lldb m4 guile racket sbcl clojure clj ocaml swipl octave gnuplot bc at batch crontab parallel tmux
  screen dc make gmake bmake just task rake invoke fab nox gradle gradlew ant sbt bazel mage ninja entr ansible
  ansible-playbook nodemon watchexec concurrently npm-run-all run-s run-p foreman overmind honcho docker-compose`
    .trim()
    .split(/\s+/u),
);
/** Arguments with which such a program only tells about itself. */
const ABOUT = /^(-v|-V|--version|-h|--help|version)$/u;
/** Ways to run an interpreter that name what is run. */
const NODE_TEST = /^--(test|check)$/u;

/** Subcommands that run what a file of the repository says. */
const SCRIPTS: Readonly<Record<string, RegExp>> = {
  npm: /^(run|run-script|rum|urn|test|tst|t|start|stop|restart|explore|it|install-test|init|create|innit)$/u,
  pnpm: /^(run|test|t|start|stop|restart|create|init|it)$/u,
  yarn: /^(run|test|start|create|init)$/u,
  bun: /^(run|test|create|-e|--eval|-p|--print)$/u,
  composer: /^(run|run-script|exec)$/u,
  go: /^(run|generate|tool)$/u,
  cargo: /^(run|r|xtask|script)$/u,
  dotnet: /^(run|script|exec)$/u,
  swift: /^run$/u,
  deno: /^(run|eval|task|serve|repl)$/u,
  mix: /^(run|do)$/u,
  nx: /^(run|run-many|affected)$/u,
  turbo: /^run$/u,
  cmake: /^(--build|-P|-E)$/u,
};
/** Own commands of package managers that take the name of a script for a command. */
const OWN_COMMANDS: Readonly<Record<string, RegExp>> = {
  yarn: /^(add|audit|bin|cache|config|constraints|dedupe|explain|global|help|import|info|init|install|link|licenses|list|login|logout|node|npm|outdated|owner|pack|patch|plugin|policies|publish|rebuild|remove|search|set|stage|tag|team|unlink|unplug|up|upgrade|upgrade-interactive|version|versions|why|workspace|workspaces)$/u,
  pnpm: /^(add|approve-builds|audit|bin|bugs|cache|cat-file|cat-index|catalog|completion|config|c|deploy|dedupe|deprecate|dist-tag|doctor|env|fetch|find-hash|get|set|help|import|info|view|install|i|ci|licenses|link|ln|list|ls|ll|la|login|logout|outdated|owner|pack|patch|patch-commit|patch-remove|prune|publish|rebuild|rb|remove|rm|un|uninstall|repo|root|search|self-update|server|setup|store|token|unlink|unpublish|update|up|upgrade|version|why|whoami|ignored-builds|multi|recursive|m)$/u,
};

/** Options whose value is a shell text, by program. */
const TEXT_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  tar: [
    '-I',
    '-F',
    '--to-command',
    '--checkpoint-action',
    '--use-compress-program',
    '--info-script',
    '--rsh-command',
  ],
  bsdtar: ['--use-compress-program'],
  rsync: ['-e', '--rsh', '--rsync-path'],
  sort: ['--compress-program'],
  split: ['--filter'],
  man: ['-P', '--pager', '-H'],
  scp: ['-S'],
  sftp: ['-S'],
  zip: ['-TT', '--unzip-command'],
  find: [],
  gh: ['--jq-unused'],
  rg: ['--pre', '--hostname-bin'],
  pip: [],
  less: [],
};

/** Programs that only read, print, or do what their name says: none of their arguments is a program to run. */
const PLAIN = new Set(
  `echo printf cat head tail less more wc ls dir vdir stat file du df tree pwd cd pushd popd dirs test [ [[ true false : basename
  dirname realpath readlink date sleep seq yes tr cut paste sort uniq comm join diff cmp colordiff patch grep egrep fgrep rg
  ag ack sed jq yq column fmt fold nl od xxd hexdump strings base64 base32 md5sum sha1sum sha256sum sha512sum cksum sum
  export unset set shift return break continue exit local declare typeset readonly read mapfile readarray wait jobs kill
  killall pkill pgrep ps top uptime free who whoami id groups hostname uname arch nproc lscpu lsof which type whereis help
  history umask ulimit getopts let times fg bg disown printenv logname tty stty clear reset tput locale cp mv rm rmdir
  mkdir touch ln chmod chown chgrp chattr install unlink shred truncate mkfifo mknod mktemp tee dd sync tar gzip gunzip
  zcat bzip2 bunzip2 xz unxz zstd zip unzip 7z cpio ar nm objdump readelf ldd strip curl wget http https ping dig nslookup
  host nc ncat telnet scp sftp rsync git gh glab hub npm pnpm yarn bun pip pip3 uv cargo rustc rustup go gofmt javac mvn
  dotnet gcc g++ cc clang cmake tsc eslint prettier vitest jest mocha pytest ruff mypy black flake8 tox rspec rubocop
  docker podman kubectl helm terraform aws gcloud az psql mysql sqlite3 redis-cli brew apt apt-get dpkg yum dnf apk find fd
  awk gawk mawk nawk bundle poetry composer mix gem twine hatch codesign openssl ssh-keygen gpg systemctl service mount
  umount useradd passwd envsubst iconv dos2unix expand unexpand rev tac shuf split csplit numfmt factor expr trap alias
  unalias hash enable shopt bind complete compopt compgen caller eval source . playwright tsup vite webpack rollup esbuild
  next nest ng svelte-kit astro biome oxlint knip publint typedoc wrangler vercel netlify fly flyctl heroku firebase
  serverless sls cdk pulumi semantic-release changeset release-it np lerna nx turbo subagents copilot claude`
    .trim()
    .split(/\s+/u),
);

const CONNECTS = new Set(
  'curl wget http https httpie xh aria2c ssh scp sftp rsync nc ncat telnet ftp lftp ping dig nslookup host openssl'.split(
    ' ',
  ),
);

/** Whether a program of this name is known to us. */
export const isKnownProgram = (name: string): boolean =>
  [SPECIAL, WRAPPERS, RUNNERS, SCRIPTS].some((table) => Object.hasOwn(table, name)) ||
  [SHELLS, INTERPRETERS, PLAIN].some((names) => names.has(name));

/** The entry of a table, which is none of what every object has. */
const entry = <T>(table: Readonly<Partial<Record<string, T>>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** The name of a program without its version: `python3.11` is `python`. */
const withoutVersion = (name: string): string => name.replace(/[\d.-]+$/u, '') || name;

/**
 * Says what a command does.
 * @param name the program's name without folders
 * @param stdin the text that it reads from standard input, where the shell text has it
 */
export function readProgram(
  name: string,
  words: readonly ShellWord[],
  stdin: ShellWord | undefined,
): Reading {
  const special = entry(SPECIAL, name);
  if (special !== undefined) return special(words);
  if (SHELLS.has(name)) return readShellProgram(words, stdin);
  const wrapper = entry(WRAPPERS, name);
  if (wrapper !== undefined) return readWrapper(wrapper, words, name);
  const runner = readRunner(name, words);
  if (runner !== undefined) return runner;
  const interpreter = withoutVersion(name);
  if (INTERPRETERS.has(interpreter) && entry(SCRIPTS, name) === undefined)
    return readInterpreter(interpreter, words);
  const opaque = readScript(name, words);
  const connects = CONNECTS.has(name);
  return {
    ...(connects && { connects }),
    opaque,
    texts: valuesOf(words, ...(entry(TEXT_OPTIONS, name) ?? [])).map((text) =>
      text.value.startsWith('exec=') ? { ...text, value: text.value.slice('exec='.length) } : text,
    ),
    writes: filesWritten(name, words),
    // A program that we do not know may run what stands behind its name.
    ...(!PLAIN.has(name) && !PLAIN.has(interpreter) && { mayRun: suffixes(words) }),
  };
}

const suffixes = (words: readonly ShellWord[]): ShellWord[][] => words.map((_, at) => words.slice(at));

function readWrapper(wrapper: Wrapper, words: readonly ShellWord[], name: string): Reading {
  const { valued, flags, before = 0, text = [] } = wrapper;
  const { at, options, doubtful } = skipOptions(words, valued, flags);
  // Some take these options behind their other words, too.
  const texts =
    before > 0 || name === 'su' ? valuesOf(words, ...text) : valuesOf(words.slice(0, at), ...text);
  let from = at + (texts.length > 0 ? 0 : before);
  const assigned: Reading[] = [];
  for (let word = words[from]; wrapper.assigns && word && /^\w+=/u.test(word.value); word = words[++from]) {
    const end = word.value.indexOf('=');
    assigned.push(readAssignment(word.value.slice(0, end), { ...word, value: word.value.slice(end + 1) }));
  }
  texts.push(...assigned.flatMap((each) => each.texts ?? []));
  // Words before the command that may become several move the command.
  const moved = words.slice(0, from).some((word, index) => index >= at && !isKnown(word) && word.many);
  let command = words.slice(from);
  const placeholder =
    options.find((option) => ['-I', '--replace'].includes(option.name))?.value?.value ?? '{}';
  if (wrapper.adds)
    command = [
      ...command.map((word) => replaced(word, placeholder)),
      ...(command.length > 0 ? [UNKNOWN_WORDS] : []),
    ];
  const reading: Reading = {
    wrapper: true,
    opaque:
      assigned.find((each) => each.opaque)?.opaque ??
      (name === 'ssh' && options.some((option) => /command/iu.test(option.value?.value ?? ''))
        ? 'an option of ssh runs a program'
        : name === 'systemd-run' && command.length === 0
          ? 'what it runs is not known'
          : undefined),
    texts: wrapper.joins && command.length > 0 ? [...texts, joined(command)] : texts,
    runs: wrapper.joins || command.length === 0 ? [] : [command],
    ...(name === 'ssh' && { connects: true }),
    ...((doubtful || moved || wrapper.valued === undefined) && { mayRun: suffixes(words) }),
  };
  const folder = options.find((option) => ['-C', '-D', '--chdir'].includes(option.name))?.value;
  return ['env', 'sudo'].includes(name) && folder !== undefined ? { ...reading, folder } : reading;
}

const replaced = (word: ShellWord, placeholder: string): ShellWord =>
  placeholder !== '' && word.value.includes(placeholder)
    ? { ...word, value: word.value.replaceAll(placeholder, ANY) }
    : word;

function readRunner(name: string, words: readonly ShellWord[]): Reading | undefined {
  for (const runner of entry(RUNNERS, name) ?? []) {
    const parts = runner.split(' ');
    const at = words.findIndex((_, index) =>
      parts.every((part, offset) => words[index + offset]?.value === part),
    );
    // Behind another word it is an argument, unless an option stands before that word.
    if (
      at === -1 ||
      words.slice(0, at).some((word, index) => !word.value.startsWith('-') && !isOption(words[index - 1]))
    )
      continue;
    const behind = words.slice(at + parts.length);
    const {
      at: from,
      options,
      doubtful,
    } = skipOptions(behind, '-p -c -w --package --call --workspace --from --with', '-y --yes --');
    return {
      wrapper: true,
      normal: words.slice(at),
      texts: options.flatMap((option) =>
        ['-c', '--call'].includes(option.name) ? [option.value ?? UNKNOWN_WORDS] : [],
      ),
      runs: behind.length > from ? [behind.slice(from)] : [],
      // Behind an option it may also be the option's value.
      opaque: at > 0 ? readScript(name, words) : undefined,
      ...(doubtful && { mayRun: suffixes(behind) }),
    };
  }
  return undefined;
}

const isOption = (word: ShellWord | undefined): boolean => word?.value.startsWith('-') ?? false;

/** The words that may be the subcommand: the first that is no option, and any behind an option that may take a value. */
function subcommands(words: readonly ShellWord[]): { readonly word: ShellWord; readonly at: number }[] {
  const found: { word: ShellWord; at: number }[] = [];
  for (const [at, word] of words.entries()) {
    if (isOption(word)) continue;
    found.push({ word, at });
    if (!isOption(words[at - 1]) || words[at - 1]?.value.includes('=')) break;
  }
  return found;
}

function readScript(name: string, words: readonly ShellWord[]): string | undefined {
  const scripts = entry(SCRIPTS, name);
  if (scripts === undefined) return undefined;
  if (name === 'cmake' || name === 'bun')
    return words.some(({ value }) => scripts.test(value)) ||
      (name === 'bun' &&
        !/^(add|install|i|remove|update|link|pm|x|--version|-v)$/u.test(words[0]?.value ?? ''))
      ? `${name} runs what a file says`
      : undefined;
  const candidates = subcommands(words);
  const own = entry(OWN_COMMANDS, name);
  if (candidates.some(({ word }) => scripts.test(word.value)))
    return `${name} ${candidates.find(({ word }) => scripts.test(word.value))?.word.value ?? ''} runs what a file of the repository says`;
  if (own !== undefined && candidates.length > 0 && !candidates.some(({ word }) => own.test(word.value)))
    return `${name} runs a script of package.json`;
  if (candidates.some(({ word }) => !isKnown(word)))
    return `the command of ${name} is not known before the shell runs`;
  return undefined;
}

function readInterpreter(name: string, words: readonly ShellWord[]): Reading {
  const opaque = `what ${name} runs cannot be read`;
  if (words.length > 0 && words.every((word) => isKnown(word) && ABOUT.test(word.value))) return {};
  if (
    name === 'node' &&
    words.some(({ value }) => NODE_TEST.test(value)) &&
    !words.some(({ value }) =>
      /^(-e|-p|-r|--eval|--print|--require|--import|--loader|--experimental-loader)/u.test(value),
    )
  )
    return {};
  if (name === 'python' || name === 'pypy') {
    const { at, options } = skipOptions(
      words,
      '-m -c -W -X',
      '-u -B -E -I -O -OO -s -S -q -v -b -d -i -P -x',
    );
    const at_ = words.findIndex(({ value }) => /^-[a-zA-Z]*m/u.test(value));
    const module = options.find((option) => option.name === '-m')?.value;
    if (module !== undefined && at_ !== -1) {
      // Everything behind the module belongs to it.
      const stuck = words[at_]?.value.endsWith('m') ? at_ + 2 : at_ + 1;
      const early = options.some((option) => option.name === '-c');
      return { wrapper: true, runs: [[module, ...words.slice(stuck)]], opaque: early ? opaque : undefined };
    }
    if (at >= words.length && options.length > 0 && options.every((option) => ABOUT.test(option.name)))
      return {};
  }
  return { opaque, mayRun: suffixes(words) };
}

function readShellProgram(words: readonly ShellWord[], stdin: ShellWord | undefined): Reading {
  const { at, options } = skipOptions(words, SHELL_VALUED);
  const named = (name: string): boolean => options.some((option) => option.name === name);
  if (named('--version') || named('--help')) return { wrapper: true };
  if (options.some((option) => /^--(rcfile|init-file)$/u.test(option.name)))
    return { wrapper: true, opaque: 'the shell runs a file first' };
  const rest = words.slice(at);
  const first = rest[0];
  if (named('-c')) return { wrapper: true, texts: [first ?? UNKNOWN_WORDS] };
  if (
    words
      .slice(0, at)
      .concat(first ?? [])
      .some((word) => word.many)
  )
    return { wrapper: true, opaque: 'what the shell runs is not known' };
  if (named('-n')) return { wrapper: true };
  if (first !== undefined && !named('-s')) return { wrapper: true, opaque: 'a script file is run' };
  return stdin === undefined
    ? { wrapper: true, opaque: 'the shell runs what it reads from its standard input' }
    : { wrapper: true, texts: [stdin] };
}

/** Programs that are read by a function of their own. */
const SPECIAL: Readonly<Partial<Record<string, (words: readonly ShellWord[]) => Reading>>> = {
  git: readGit,
  eval: (words) => ({ wrapper: true, texts: words.length === 0 ? [] : [joined(words)] }),
  source: () => ({ opaque: 'a script file is run' }),
  '.': () => ({ opaque: 'a script file is run' }),
  trap: (words) => {
    const [first, second] = words.filter(({ value }) => value !== '--');
    return first === undefined || /^-[lp]$/u.test(first.value) || second === undefined || first.value === '-'
      ? {}
      : { texts: [first] };
  },
  alias: (words) =>
    words.some(({ value }) => value.includes('='))
      ? {
          opaque: 'an alias changes what a name means',
          texts: words.flatMap((word) =>
            word.value.includes('=')
              ? [{ ...word, value: word.value.slice(word.value.indexOf('=') + 1) }]
              : [],
          ),
        }
      : {},
  hash: (words) =>
    words.some(({ value }) => /^-\w*p/u.test(value)) ? { opaque: 'a name gets another program' } : {},
  enable: (words) => (words.length > 0 ? { opaque: 'a command of the shell is exchanged' } : {}),
  bind: (words) =>
    words.some(({ value }) => /^-\w*x/u.test(value)) ? { opaque: 'a key runs shell text' } : {},
  complete: () => ({ opaque: 'completion runs shell text' }),
  mapfile: (words) => ({ texts: valuesOf(words, '-C') }),
  readarray: (words) => ({ texts: valuesOf(words, '-C') }),
  command: (words) =>
    /^-\w*[vV]/u.test(words[0]?.value ?? '') ? {} : readWrapper(WRAPPERS['command'] ?? {}, words, 'command'),
  cd: (words) => {
    const [folder] = words.filter(({ value }) => !/^-[LPe@]+$|^--$/u.test(value));
    return folder?.value === '-' ? {} : { folder: folder ?? { text: '~', value: '~', many: false } };
  },
  pushd: (words) => {
    const [folder] = words.filter(({ value }) => value !== '--' && value !== '-n');
    return folder === undefined || /^[+-]\d+$/u.test(folder.value) ? {} : { folder };
  },
  find: readFind,
  gfind: readFind,
  fd: readFd,
  fdfind: readFd,
  awk: readAwk,
  gawk: readAwk,
  mawk: readAwk,
  nawk: readAwk,
  sed: readSed,
  gsed: readSed,
};

function readFind(words: readonly ShellWord[]): Reading {
  const runs: ShellWord[][] = [];
  const starts = words.slice(0, words.findIndex(({ value }) => /^[-(!]/u.test(value)) >>> 0);
  const writes: ShellWord[] = [];
  for (let at = 0; at < words.length; at++) {
    const value = words[at]?.value ?? '';
    if (/^-fprint|^-fls$/u.test(value) && words[at + 1]) writes.push(words[at + 1] as ShellWord);
    if (value === '-delete')
      writes.push(...(starts.length > 0 ? starts : [{ text: '.', value: '.', many: false }]));
    if (!/^-(exec|execdir|ok|okdir)$/u.test(value)) continue;
    const end = words.findIndex((word, index) => index > at && /^[;+]$/u.test(word.value));
    const command = words.slice(at + 1, end === -1 ? undefined : end);
    runs.push(command.map((word) => replaced(word, '{}')));
  }
  const unknown = words.some((word) => word.many && word.value.startsWith(ANY));
  return { runs, writes, ...(unknown && { mayRun: suffixes(words) }) };
}

function readFd(words: readonly ShellWord[]): Reading {
  const at = words.findIndex(({ value }) => /^(-x|-X|--exec|--exec-batch)(=|$)/u.test(value));
  return at === -1
    ? {}
    : { runs: [[...words.slice(at + 1).map((word) => replaced(word, '{}')), UNKNOWN_WORDS]] };
}

function readAwk(words: readonly ShellWord[]): Reading {
  const opaque = 'an awk program may run others';
  const { at, options } = skipOptions(
    words,
    '-F -v -f -e -E -i -l --field-separator --assign --file --source',
  );
  if (options.some(({ name }) => /^(-f|-E|-i|-l|--file|--include|--load)$/u.test(name))) return { opaque };
  const texts = options.flatMap(({ name, value }) =>
    /^(-e|--source)$/u.test(name) ? [value ?? UNKNOWN_WORDS] : [],
  );
  const programs = texts.length > 0 ? texts : words.slice(at, at + 1);
  const bad = (word: ShellWord): boolean =>
    !isKnown(word) || /system|getline|print[^;}\n]*\||\|&|@load|>/u.test(word.value);
  return programs.some(bad) ? { opaque } : {};
}

function readSed(words: readonly ShellWord[]): Reading {
  const { at, options } = skipOptions(
    words,
    '-e -f -l -E_ --expression --file --line-length',
    '-n -r -E -s -u -z -i --quiet --silent --posix --regexp-extended --in-place --null-data',
  );
  const opaque = 'a sed program may run others';
  if (options.some(({ name }) => /^(-f|--file)$/u.test(name))) return { opaque };
  const given = options.flatMap(({ name, value }) =>
    /^(-e|--expression)$/u.test(name) ? [value ?? UNKNOWN_WORDS] : [],
  );
  const programs = given.length > 0 ? given : words.slice(at, at + 1);
  const runs = ({ value }: ShellWord): boolean =>
    /(^|[;{}\n\d$/!,])\s*e(\s|$)/u.test(value) || /s(.).*\1.*\1[gpiImM\d]*e/su.test(value);
  const files = words.slice(given.length > 0 ? at : at + 1);
  const inPlace = options.some(({ name }) => name === '-i' || name === '--in-place');
  const writes = programs.flatMap(({ value, text }) => {
    const [, file] = /(?:^|[;{}\n\d$/!,gp])\s*[wW]\s+(\S+)/u.exec(value) ?? [];
    return file === undefined ? [] : [{ text, value: file, many: false }];
  });
  return { ...(programs.some(runs) && { opaque }), writes: [...(inPlace ? files : []), ...writes] };
}

const ALL_WRITTEN = new Set(
  'rm rmdir unlink shred touch mkdir truncate tee mv chmod chown chgrp mkfifo mknod chattr'.split(' '),
);
const LAST_WRITTEN = new Set('cp install ln rsync scp'.split(' '));
/** Options that name a file or folder to write. */
const WRITE_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  cp: ['-t', '--target-directory'],
  mv: ['-t', '--target-directory'],
  ln: ['-t', '--target-directory'],
  install: ['-t', '--target-directory'],
  sort: ['-o', '--output'],
  curl: ['-o', '--output', '--output-dir', '-D', '--dump-header', '-c', '--cookie-jar', '--trace'],
  wget: ['-O', '--output-document', '-P', '--directory-prefix', '-o', '--output-file'],
  tar: ['-C', '--directory'],
  unzip: ['-d'],
};

function filesWritten(name: string, words: readonly ShellWord[]): ShellWord[] {
  const files = words.filter(
    ({ value }, at) => !/^-./u.test(value) || words.slice(0, at).some((word) => word.value === '--'),
  );
  const named = valuesOf(words, ...(entry(WRITE_OPTIONS, name) ?? []));
  if (name === 'dd')
    return words.flatMap((word) =>
      word.value.startsWith('of=') ? [{ ...word, value: word.value.slice(3) }] : [],
    );
  if (ALL_WRITTEN.has(name)) return [...files.slice(/^ch(mod|own|grp|attr)$/u.test(name) ? 1 : 0), ...named];
  if (LAST_WRITTEN.has(name)) return [...files.slice(-1), ...named];
  return named;
}

/** Variables that name programs, or what programs load. */
const PROGRAM_VARIABLE =
  /^(PATH|LD_PRELOAD|LD_LIBRARY_PATH|LD_AUDIT|DYLD_\w+|BASH_ENV|ENV|SHELLOPTS|BASHOPTS|PROMPT_COMMAND|PS[0-4]|IFS|HOME|PWD|TMPDIR|CDPATH|NODE_OPTIONS|NODE_PATH|PYTHONSTARTUP|PYTHONHOME|PERL5OPT|PERL5LIB|PERL5DB|RUBYOPT|RUBYLIB|JAVA_TOOL_OPTIONS|GIT_CONFIG\w*|GIT_EXEC_PATH|GIT_TEMPLATE_DIR|GIT_SSH|GIT_ASKPASS|SSH_ASKPASS|SHELL|MAKEFLAGS|MAKEFILES|npm_config_\w*(shell|prefix|userconfig|globalconfig)\w*|BASH_FUNC_\w*)$/u;
/** Variables that hold a command line. */
const COMMAND_VARIABLE =
  /^(GIT_EDITOR|GIT_SEQUENCE_EDITOR|GIT_PAGER|GIT_SSH_COMMAND|GIT_EXTERNAL_DIFF|GIT_PROXY_COMMAND|GIT_TRACE_\w*|EDITOR|VISUAL|PAGER|MANPAGER|LESSOPEN|LESSCLOSE|BROWSER|RSYNC_RSH|CVS_RSH|FZF_DEFAULT_COMMAND)$/u;

/** What an assignment may make run. */
export function readAssignment(name: string, value: ShellWord): Reading {
  if (COMMAND_VARIABLE.test(name) && !name.startsWith('GIT_TRACE'))
    return { texts: value.value === '' ? [] : [value] };
  if (!PROGRAM_VARIABLE.test(name)) return {};
  return { opaque: `the variable ${name} decides which programs run, or where` };
}
