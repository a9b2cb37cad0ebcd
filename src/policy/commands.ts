/**
 * What a shell text does, as far as the grammar tells before it runs: its simple commands, those that they run in turn, the
 * files that it reads and writes, the hosts that it names, and the places where nothing can be told.
 */
import { posix } from 'node:path';
import {
  forEachChild,
  parse,
  type Assignment,
  type Command,
  type Redirection,
  type SyntaxNode,
} from 'unbash';
import { isKnownProgram, readAssignment, readProgram, type Reading } from './programs.ts';
import { ANY, hasWild, isKnown, readWord, UNKNOWN_WORDS, type ShellWord, type Variables } from './words.ts';

/** Folders by which paths are understood: absolute real paths. */
export interface Place {
  /** The workspace. */
  readonly cwd: string;
  readonly home: string;
  readonly temporary: string;
}

/** One thing that a shell text does. */
export type Act =
  | {
      readonly kind: 'command';
      /** For people: the words of the command. */
      readonly text: string;
      /** The name of the program without folders. */
      readonly name: string;
      /** The program as it is called. */
      readonly program: string;
      readonly words: readonly ShellWord[];
      /** The words without the options in front of the subcommand, where these are known. */
      readonly normal?: readonly ShellWord[];
      /** Only rules about this command count, not the default: a wrapper, whose command is an act of its own. */
      readonly wrapper: boolean;
      /** It may be that this is not run: what is in front of it is not known to us. */
      readonly perhaps: boolean;
      /** Why it cannot be told what the command does. */
      readonly opaque?: string;
    }
  | {
      readonly kind: 'path';
      readonly text: string;
      /** An absolute path, with marks for what is not known. */
      readonly path: string;
      readonly access: 'read' | 'write';
      /** Whether the shell itself opens it, so that no rule about a command covers it. */
      readonly direct: boolean;
    }
  | { readonly kind: 'host'; readonly text: string; readonly host: string; readonly direct: boolean }
  | {
      readonly kind: 'unknown';
      readonly text: string;
      readonly why: string;
      /** Whether files and hosts may be missed, too: a part of the text was not read. */
      readonly unread: boolean;
    };

/** Texts in texts, and commands in commands, at most. */
const MAX_DEPTH = 12;
/** Acts at most: what has more is not read to its end. */
const MAX_ACTS = 4_000;
/** Nodes in nodes, at most. */
const MAX_NESTING = 500;
const MAX_TEXT_CHARS = 64 * 1024;
const MAX_SHOWN_CHARS = 160;

/** Reads a shell text. @param cwd the folder in which the shell is, absolute */
export function readShell(text: string, cwd: string, place: Place): Act[] {
  const reader = new Reader(cwd, place);
  reader.read(text, 0);
  return reader.finish();
}

interface PathUse {
  readonly word: ShellWord;
  readonly access: 'read' | 'write';
  readonly direct: boolean;
}

/** Where a node stands. */
interface At {
  /** Texts and commands that it is in. */
  readonly depth: number;
  /** Whether it may be that it is not run. */
  readonly perhaps: boolean;
}

class Reader {
  readonly #place: Place;
  readonly #variables: Variables;
  readonly #acts: Act[] = [];
  readonly #paths: PathUse[] = [];
  /** Folders that the shell may be in; undefined: any. */
  readonly #folders = new Set<string | undefined>();
  readonly #functions = new Set<string>();
  #last: string | undefined;
  /** Nodes of the grammar around the one that is read. */
  #nesting = 0;
  /** Whether the reading ended before the end of the text. */
  #cut = false;

  constructor(cwd: string, place: Place) {
    this.#place = place;
    this.#folders.add(cwd);
    this.#last = cwd;
    this.#variables = new Map([
      ['HOME', place.home],
      ['TMPDIR', place.temporary],
    ]);
  }

  /** All that was found. */
  finish(): Act[] {
    for (const use of this.#paths)
      for (const folder of this.#folders) {
        const path = absolute(use.word, folder);
        if (!isDevice(path))
          this.#add({ kind: 'path', text: use.word.text, path, access: use.access, direct: use.direct });
      }
    if (this.#cut)
      this.#acts.push({
        kind: 'unknown',
        text: '…',
        why: 'the text is too long or too deep to be read',
        unread: true,
      });
    return this.#acts.map((act) => {
      if (act.kind !== 'command' || !this.#functions.has(act.name)) return act;
      // What a function does was read with it: its name matters where it hides a program.
      return isKnownProgram(act.name)
        ? { ...act, opaque: act.opaque ?? `${act.name} is a function that this text defines` }
        : { ...act, wrapper: true };
    });
  }

  /** @param depth how many texts this one is in */
  read(text: string, depth: number, perhaps = false): void {
    if (depth > MAX_DEPTH || text.length > MAX_TEXT_CHARS) {
      this.#cut = true;
      return;
    }
    this.#visit(parse(text), { depth, perhaps });
  }

  #add(act: Act): void {
    if (this.#acts.length < MAX_ACTS) this.#acts.push(act);
    else this.#cut = true;
  }

  #unknown(text: string, why: string, unread = false): void {
    this.#add({ kind: 'unknown', text: shown(text), why, unread });
  }

  #visit(node: SyntaxNode, at: At, stdin?: ShellWord): void {
    if (this.#cut) return;
    if (++this.#nesting > MAX_NESTING) this.#cut = true;
    else this.#visitNode(node, at, stdin);
    this.#nesting--;
  }

  #visitNode(node: SyntaxNode, at: At, stdin?: ShellWord): void {
    switch (node.type) {
      case 'Script':
        for (const error of node.errors ?? [])
          this.#unknown(error.message, 'the text is not valid shell syntax', true);
        break;
      case 'Command':
        this.#command(node, at, stdin);
        break;
      case 'Redirected': {
        // Every command of the group reads what is redirected to the group.
        const input = inputOf(node.redirects, this.#variables) ?? stdin;
        for (const redirect of node.redirects) this.#visit(redirect, at);
        return this.#visit(node.command, at, input);
      }
      case 'Assignment':
        this.#assignment(node, at);
        break;
      case 'Redirect':
        this.#redirect(node);
        break;
      case 'HereString':
        if (node.target) this.#hidden(readWord(node.target, this.#variables));
        break;
      case 'Function':
        this.#functions.add(node.name.value);
        break;
      case 'TestUnary':
        this.#hidden(readWord(node.operand, this.#variables));
        break;
      case 'TestBinary':
        for (const word of [node.left, node.right]) this.#hidden(readWord(word, this.#variables));
        break;
      case 'ParameterExpansion':
        if (node.operation?.type === 'Transform')
          this.#unknown(node.text, 'the text of a variable is expanded again');
        break;
      case 'CommandExpansion':
      case 'ProcessSubstitution':
      case 'ArithmeticCommandExpansion':
        if (node.script === undefined) this.#unknown(node.text, 'a substitution cannot be read', true);
        break;
      default:
    }
    const inherits = !['Command', 'Assignment', 'Word', 'CommandExpansion', 'ProcessSubstitution'].includes(
      node.type,
    );
    forEachChild(node, (child) => this.#visit(child, at, inherits ? stdin : undefined));
  }

  #command(node: Command, at: At, stdin: ShellWord | undefined): void {
    if (node.name === undefined) return;
    const words = [node.name, ...node.args].map((word) =>
      word.type === 'Word' ? readWord(word, this.#variables) : readArgument(word, this.#variables),
    );
    this.#run(words, at, inputOf(node.redirects, this.#variables) ?? stdin);
  }

  /** A command: the program, and its arguments. */
  #run([program, ...words]: readonly ShellWord[], at: At, stdin?: ShellWord): void {
    if (program === undefined) return;
    if (at.depth > MAX_DEPTH) {
      this.#cut = true;
      return;
    }
    const text = shown([program, ...words].map((word) => word.text).join(' '));
    const deeper = { ...at, depth: at.depth + 1 };
    if (!isKnown(program)) {
      if (!at.perhaps)
        this.#unknown(text, `the program is not known before the shell runs (${program.text})`);
      // It may become no word at all.
      if (!at.perhaps) for (const from of words.keys()) this.#perhaps(words.slice(from), deeper);
      return;
    }
    const name = posix.basename(program.value);
    const reading = readProgram(name, words, stdin);
    const opaque = this.#strangeFolder(program.value) ?? reading.opaque;
    this.#add({
      kind: 'command',
      text,
      name,
      program: program.value,
      words,
      ...(reading.normal && { normal: reading.normal }),
      wrapper: reading.wrapper ?? false,
      perhaps: at.perhaps,
      ...(opaque !== undefined && { opaque }),
    });
    this.#follow(reading, deeper, text);
    if (HANDLES_NAMES.has(name)) for (const word of words) this.#hidden(word);
    if (!at.perhaps) this.#arguments(words, reading);
  }

  #follow(reading: Reading, at: At, text: string): void {
    for (const run of reading.runs ?? []) this.#run(run, at);
    for (const run of reading.mayRun ?? []) this.#perhaps(run, at);
    for (const inner of reading.texts ?? []) {
      if (isKnown(inner)) this.read(inner.value, at.depth, at.perhaps);
      else if (!at.perhaps) this.#unknown(text, 'the text that it runs is not known before the shell runs');
    }
    const { folder } = reading;
    if (folder === undefined) return;
    // Without a folder, `cd` goes home.
    const to = folder.value === '~' ? { ...folder, value: this.#place.home } : folder;
    this.#last = isKnown(to) && this.#last !== undefined ? absolute(to, this.#last) : undefined;
    this.#folders.add(this.#last);
  }

  /** What a program may run that we do not know: only the command itself, or the text that its first word is. */
  #perhaps([program, ...words]: readonly ShellWord[], at: { readonly depth: number }): void {
    if (program === undefined || !isKnown(program)) return;
    const text = shown([program, ...words].map((word) => word.text).join(' '));
    if (/\s/u.test(program.value.trim())) {
      if (at.depth < 3) this.read(program.value, at.depth + 1, true);
      return;
    }
    const name = posix.basename(program.value);
    const { normal } = readProgram(name, words, undefined);
    const act = {
      kind: 'command',
      text,
      name,
      program: program.value,
      words,
      wrapper: true,
      perhaps: true,
    } as const;
    this.#add(normal ? { ...act, normal } : act);
  }

  /** Files and hosts that arguments name. */
  #arguments(words: readonly ShellWord[], { writes = [], connects = false }: Reading): void {
    for (const word of writes) this.#path(word, 'write', false);
    for (const word of words) {
      for (const value of candidates(word.value)) this.#path({ ...word, value }, 'read', false);
      const host = hostIn(word.value, connects);
      if (host !== undefined) this.#add({ kind: 'host', text: word.text, host, direct: connects });
    }
  }

  #path(word: ShellWord, access: 'read' | 'write', direct: boolean): void {
    this.#paths.push({ word, access, direct });
  }

  #redirect(node: Extract<Redirection, { readonly type: 'Redirect' }>): void {
    if (node.target === undefined) return;
    const word = readWord(node.target, this.#variables);
    if (/^[<>]&$/u.test(node.operator) && /^(\d+-?|-)$/u.test(word.value)) return;
    const [, host] = /^\/dev\/(?:tcp|udp)\/([^/]+)/u.exec(word.value) ?? [];
    if (host !== undefined) this.#add({ kind: 'host', text: word.text, host, direct: true });
    this.#path(word, node.operator === '<' || node.operator === '<&' ? 'read' : 'write', true);
  }

  #assignment(node: Assignment, at: At): void {
    const value = node.value.type === 'Word' ? readWord(node.value, this.#variables) : UNKNOWN_WORDS;
    if (isOwnPath(node, value.value, this.#place)) return;
    const { opaque, texts = [] } = readAssignment(node.name, value);
    if (opaque !== undefined) this.#unknown(node.text, opaque);
    this.#follow({ texts }, { ...at, depth: at.depth + 1 }, node.text);
    const elements =
      node.value.type === 'Word'
        ? [value]
        : node.value.elements.map((word) => readWord(word, this.#variables));
    for (const element of elements) this.#hidden(element);
  }

  /** A text with a substitution in it: arithmetic and names of variables expand it later. */
  #hidden(word: ShellWord): void {
    if (/\$\(|`|\$\{/u.test(word.value))
      this.#unknown(word.text, 'a text has a substitution in it that may be expanded later');
  }

  /** Why the program of a path is not one of the system's. */
  #strangeFolder(program: string): string | undefined {
    if (!program.includes('/')) return undefined;
    const why = 'it is run by its path, and may be a script';
    if (/(^|\/)(node_modules\/\.bin|\.?venv\/bin)\/[^/]+$/u.test(program)) return undefined;
    if (!posix.isAbsolute(program)) return why;
    const path = posix.normalize(program);
    const within = [this.#place.cwd, this.#place.temporary, '/tmp', '/var/tmp', '/dev'].some((folder) =>
      path.startsWith(`${folder}/`),
    );
    return !within && /\/s?bin\/[^/]+$/u.test(path) ? undefined : why;
  }
}

/** Commands of the shell that take names of variables, in whose subscripts substitutions are expanded. */
const HANDLES_NAMES = new Set(
  'test [ printf read unset declare typeset local export readonly let mapfile readarray getopts wait'.split(
    ' ',
  ),
);

const shown = (text: string): string =>
  text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;

function readArgument(node: Assignment, variables: Variables): ShellWord {
  const value = node.value.type === 'Word' ? readWord(node.value, variables) : UNKNOWN_WORDS;
  return { text: node.text, value: `${node.name}=${value.value}`, many: value.many };
}

/** The text that redirections put on standard input, as far as it is in the text itself. */
function inputOf(redirects: readonly Redirection[], variables: Variables): ShellWord | undefined {
  const last = redirects.filter((each) => /^<|^>&|<>/u.test(each.operator)).at(-1);
  if (last === undefined) return undefined;
  if (
    last.descriptor !== undefined &&
    !(last.descriptor.type === 'FileDescriptor' && last.descriptor.value === 0)
  )
    return UNKNOWN_WORDS;
  if (last.type === 'HereString') return last.target && readWord(last.target, variables);
  if (last.type !== 'HereDoc') return UNKNOWN_WORDS;
  const { text, parts } = last.body;
  const fixed =
    last.delimiter?.quoted === true ||
    ((parts ?? []).every((part) => part.type === 'Literal') && !text.includes('\\'));
  return fixed ? { text: 'here-document', value: text, many: false } : UNKNOWN_WORDS;
}

/** A path as the program gets it, made absolute. @param folder where the shell is; undefined if that is not known */
function absolute({ value }: ShellWord, folder: string | undefined): string {
  if (value.startsWith(ANY)) return ANY;
  const whole = value.startsWith('/')
    ? value
    : folder === undefined
      ? `${ANY}/${value}`
      : `${folder}/${value}`;
  if (whole.includes(ANY) && whole.split('/').includes('..')) return ANY;
  const path = posix.normalize(whole);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Files that everybody may open. */
const isDevice = (path: string): boolean =>
  /^\/dev\/(null|zero|full|u?random|tty|std(in|out|err)|fd\/.*)$/u.test(path);

/** What may be a path in an argument. */
function candidates(value: string): string[] {
  if (value === '' || value.startsWith(ANY) || value.includes('\n')) return [];
  const found = [value];
  const [, afterEquals] = /^[^/]*?=(.+)$/su.exec(value) ?? [];
  if (afterEquals !== undefined && !afterEquals.startsWith(ANY)) found.push(afterEquals);
  const [, afterAt] = /^(?:[^/]*=)?@(.+)$/su.exec(value) ?? [];
  if (afterAt !== undefined) found.push(afterAt);
  const [, stuck] = /^-\w+?([/~.].*)$/su.exec(value) ?? [];
  if (stuck !== undefined) found.push(stuck);
  return found;
}

/** The host that an argument names. @param connects whether the program takes names of hosts */
function hostIn(value: string, connects: boolean): string | undefined {
  const [, address] = /^(?:-[-\w]*=?)?([a-z][a-z0-9+.-]*:\/\/.*)$/isu.exec(value) ?? [];
  if (address !== undefined) return hostOf(address);
  const [, remote] = /^(?:[^@/:\s]+@)([a-z0-9_.-]+):(?!\/\/)/iu.exec(value) ?? [];
  if (remote !== undefined) return remote.toLowerCase();
  if (!connects || value.startsWith('-')) return undefined;
  if (hasWild(value)) return ANY;
  const [, bare] =
    /^(?:[^@/\s]+@)?([a-z0-9_-]+(?:\.[a-z0-9_-]+)+|localhost|\[[0-9a-f:.]+\])(?=[:/?#]|$)/iu.exec(value) ??
    [];
  return bare?.toLowerCase();
}

/** The host of an address in lower case; with marks where it is not known, or where the address cannot be read. */
export function hostOf(address: string): string {
  const [, authority = ''] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#\\]*)/iu.exec(address) ?? [];
  if (hasWild(authority)) return ANY;
  // Other schemes than those of the web keep the host as it is written.
  const web = address.replace(/^[a-z][a-z0-9+.-]*:/iu, 'http:');
  return URL.canParse(web) ? new URL(web).hostname.toLowerCase().replace(/\.$/u, '') : ANY;
}

/** Whether an assignment only adds folders to PATH that a subagent has nothing in, or the programs of packages. */
function isOwnPath(node: Assignment, value: string, place: Place): boolean {
  const others = node.text.replaceAll(/\$(PATH|HOME)\b|\$\{(PATH|HOME)\}/gu, '');
  if (node.name !== 'PATH' || /[$`]/u.test(others)) return false;
  const own = [place.cwd, place.temporary, '/tmp', '/var/tmp'];
  return value
    .split(':')
    .every(
      (folder) =>
        folder === ANY ||
        /(^|\/)(node_modules\/\.bin|\.?venv\/bin)$/u.test(folder) ||
        (posix.isAbsolute(folder) && !own.some((each) => `${folder}/`.startsWith(`${each}/`))),
    );
}
