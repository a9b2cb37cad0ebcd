/**
 * Redacts secrets in text: the values of the worker's secret variables (as they are, in Base64 or hexadecimal, even in
 * part; URL-encoded or decoded; quoted for JSON, HTML or a shell, even repeatedly; broken into lines), and text with
 * the shape of a well-known kind of token. Cheap if there is nothing to redact.
 */
import { TOKEN_SHAPES } from './secret-shapes.ts';

/** Shorter values would match in too many words. */
const MIN_LENGTH = 8;
/** Bytes of a stream that are held back, because a match may span two chunks; more for longer secrets. */
const MAX_HELD = 10 * 1024;

/** Redacts a fixed set of secrets, and tokens by their shape, in text, values, bytes and streams. */
export class Redactor {
  readonly #names = new Map<string, string>();
  readonly #finder: Finder;

  /** @param secrets each with the name for its placeholder; values shorter than 8 characters are ignored */
  constructor(secrets: Iterable<readonly [name: string, secret: string]>) {
    const encodings = new Map<string, string>();
    for (const [name, value] of secrets) {
      for (const form of formsOf(value)) if (!this.#names.has(form)) this.#names.set(form, name);
      for (const form of encodingsOf(value)) if (!encodings.has(form)) encodings.set(form, name);
    }
    this.#finder = new Finder(this.#names, encodings);
  }

  /** `text` with `[redacted NAME]` in place of each secret. */
  text(text: string): string {
    return replaced(text, this.#finder.find(text), placeholder);
  }

  /**
   * `value` with every string in it redacted, including property names. Returns the same object if nothing was
   * redacted.
   */
  deep<T>(value: T): T {
    if (typeof value === 'string') return this.text(value) as T;
    if (Array.isArray(value)) {
      const items = value.map((item: unknown) => this.deep(item));
      return items.every((item, index) => item === value[index]) ? value : (items as T);
    }
    if (!isPlain(value)) return value;
    const before = Object.entries(value);
    const after = before.map(([key, item]) => [this.text(key), this.deep(item)] as const);
    const same = after.every(([key, item], index) => key === before[index]?.[0] && item === before[index][1]);
    return same ? value : (Object.fromEntries(after) as T);
  }

  /**
   * `bytes` with each secret overwritten and padded with `*`, so that offsets stay the same. The same buffer if there
   * is none.
   */
  blank(bytes: Buffer): Buffer {
    const text = bytes.toString('latin1');
    const found = this.#finder.find(text);
    if (found.length === 0) return bytes;
    const filled = (each: Found): string =>
      placeholder(each)
        .padEnd(each.end - each.start, '*')
        .slice(0, each.end - each.start);
    return Buffer.from(replaced(text, found, filled), 'latin1');
  }

  /** Redacts a stream of bytes, independently of how it is split into chunks. */
  stream(): RedactingStream {
    return new RedactingStream(this.#finder);
  }
}

/** The position of a secret in a text; `end` is exclusive. */
interface Found {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

const placeholder = ({ name }: Found): string => `[redacted ${name}]`;

function replaced(text: string, found: readonly Found[], by: (each: Found) => string): string {
  if (found.length === 0) return text;
  let result = '';
  let at = 0;
  for (const each of found) {
    result += text.slice(at, each.start) + by(each);
    at = each.end;
  }
  return result + text.slice(at);
}

/** Characters of an encoding in one probe. */
const PROBE = 8;
/** This many matching characters of an encoding in a row are not a coincidence. */
const MIN_PART = 16;
/**
 * Characters that occur inside a written value without being part of it: line breaks (`fold`, `base64`, `openssl`, `xxd
 * -p`), literal or escaped in a JSON string, and the backslashes of any quoting, however often repeated.
 */
const FILLING = /(?:(?:\\+r)?\\+n|\r?\n)[ \t]*|\\+/g;
const withoutFilling = (text: string): string => text.replace(FILLING, '');
const ENCODED = /[A-Za-z0-9+/_-]{16,}={0,2}/g;

/** Finds secrets: complete in any form, and parts of their encodings, with any filling between their characters. */
class Finder {
  /** Length of the longest form, including line breaks. */
  readonly longest: number;
  readonly #names: ReadonlyMap<string, string>;
  readonly #pattern: RegExp;
  /** Forms without filling. */
  readonly #bareNames: ReadonlyMap<string, string>;
  readonly #barePattern: RegExp | undefined;
  readonly #encodings: readonly (readonly [form: string, name: string])[];
  /** For each run of `PROBE` characters of an encoding: which encoding, and the position in it. */
  readonly #probes = new Map<string, readonly [encoding: number, at: number]>();

  constructor(names: ReadonlyMap<string, string>, encodings: ReadonlyMap<string, string>) {
    // Longest first, because one secret may begin with another.
    const literals = (forms: Iterable<string>): string[] =>
      [...forms].sort((a, b) => b.length - a.length).map(literally);
    this.#names = new Map([...encodings, ...names]);
    this.#pattern = new RegExp([...literals(this.#names.keys()), ...TOKEN_SHAPES].join('|'), 'g');
    this.#bareNames = new Map(
      [...this.#names]
        .map(([form, name]) => [withoutFilling(form), name] as const)
        .filter(([form]) => form.length >= MIN_LENGTH),
    );
    this.#barePattern =
      this.#bareNames.size === 0 ? undefined : new RegExp(literals(this.#bareNames.keys()).join('|'), 'g');
    this.#encodings = [...encodings].filter(([form]) => form.length >= MIN_PART);
    for (const [index, [form]] of this.#encodings.entries()) {
      for (let at = 0; at + PROBE <= form.length; at++) {
        const probe = form.slice(at, at + PROBE);
        if (!this.#probes.has(probe)) this.#probes.set(probe, [index, at]);
      }
    }
    this.longest = Math.ceil(Math.max(0, ...[...this.#names.keys()].map(({ length }) => length)) * 1.25);
  }

  /** The secrets in the text, in order, with overlapping ones merged. */
  find(text: string): Found[] {
    const found = this.#whole(text, this.#pattern, this.#names);
    if (this.#barePattern !== undefined) found.push(...this.#filled(text, this.#barePattern));
    if (found.length < 2) return found;
    found.sort((a, b) => a.start - b.start || b.end - a.end);
    const apart: Found[] = [];
    for (const each of found) {
      const before = apart.at(-1);
      if (before === undefined || each.start >= before.end) apart.push(each);
      else if (each.end > before.end) apart[apart.length - 1] = { ...before, end: each.end };
    }
    return apart;
  }

  #whole(text: string, pattern: RegExp, names: ReadonlyMap<string, string>): Found[] {
    return [...text.matchAll(pattern)].map(({ 0: match, index }) => ({
      start: index,
      end: index + match.length,
      name: names.get(match) ?? 'token',
    }));
  }

  /** Finds secrets after removing filling; positions refer to the original text. */
  #filled(text: string, bare: RegExp): Found[] {
    const fillings = [...text.matchAll(FILLING)].map(({ 0: { length }, index }) => ({ index, length }));
    const joined = fillings.length === 0 ? text : withoutFilling(text);
    const found = [
      ...(fillings.length === 0 ? [] : this.#whole(joined, bare, this.#bareNames)),
      ...this.#parts(joined),
    ];
    if (fillings.length === 0 || found.length === 0) return found;
    const place = originalPositions(fillings);
    return found.map(({ start, end, name }) => ({
      start: beforeBackslashes(text, place(start)),
      end: place(end - 1) + 1,
      name,
    }));
  }

  #parts(text: string): Found[] {
    if (this.#probes.size === 0) return [];
    const found: Found[] = [];
    for (const { 0: run, index } of text.matchAll(ENCODED)) {
      for (let at = 0; at + PROBE <= run.length;) {
        const hit = this.#probes.get(run.slice(at, at + PROBE));
        const [form = '', name = ''] = (hit && this.#encodings[hit[0]]) ?? [];
        let from = 0;
        let to = PROBE;
        if (hit !== undefined) {
          while (run[at + from - 1] !== undefined && run[at + from - 1] === form[hit[1] + from - 1]) from--;
          while (run[at + to] !== undefined && run[at + to] === form[hit[1] + to]) to++;
        }
        if (to - from >= MIN_PART) found.push({ start: index + at + from, end: index + at + to, name });
        at += to - from >= MIN_PART ? to : PROBE;
      }
    }
    return found;
  }
}

/** Start of the backslashes that quote the character at `at`; if they stayed, they would quote the placeholder. */
function beforeBackslashes(text: string, at: number): number {
  let start = at;
  while (text[start - 1] === '\\') start--;
  return start;
}

/** Maps positions in a text without `fillings` to positions in the original text. */
function originalPositions(fillings: readonly { readonly index: number; readonly length: number }[]) {
  const joinedAt: number[] = [];
  const shift: number[] = [];
  let gone = 0;
  for (const { index, length } of fillings) {
    joinedAt.push(index - gone);
    shift.push((gone += length));
  }
  return (at: number): number => {
    // Binary search for the last filling at or before the position.
    let low = 0;
    let high = joinedAt.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((joinedAt[middle] ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return at + (low === 0 ? 0 : (shift[low - 1] ?? 0));
  };
}

/** Returns chunks as soon as they are safe: the end is held back while a secret might begin in it. */
export class RedactingStream {
  readonly #finder: Finder;
  readonly #maxHeld: number;
  #held = '';

  constructor(finder: Finder) {
    this.#finder = finder;
    this.#maxHeld = Math.max(MAX_HELD, finder.longest);
  }

  take(chunk: Buffer): Buffer {
    this.#held += chunk.toString('latin1');
    // Not for every small chunk, because each time all held text is scanned.
    return this.#held.length < 2 * this.#maxHeld
      ? Buffer.alloc(0)
      : this.#release(this.#held.length - this.#maxHeld, false);
  }

  /** The rest that was held back. */
  end(): Buffer {
    return this.#release(this.#held.length, true);
  }

  /**
   * Returns everything before `limit`. A secret across the limit is included completely, unless it may continue after
   * the end.
   */
  #release(limit: number, last: boolean): Buffer {
    const found = this.#finder.find(this.#held).filter(({ start }) => start < limit);
    const until = last ? this.#held.length : Math.max(found.at(-1)?.end ?? 0, limit);
    const ready = replaced(this.#held.slice(0, until), found, placeholder);
    this.#held = this.#held.slice(until);
    return Buffer.from(ready, 'latin1');
  }
}

/** The forms in which a value may occur in a text, also as bytes of UTF-8, for streams. */
function formsOf(value: string): string[] {
  const text = value.trim();
  if (text.length < MIN_LENGTH) return [];
  const plain = [text, ...decoded(text)];
  const quoted = plain.flatMap((each) => [
    JSON.stringify(each).slice(1, -1),
    inAscii(each),
    // Shell quoting: in double quotes, in single quotes, and unquoted (printf %q).
    each.replace(/["$`\\]/g, String.raw`\$&`),
    each.replaceAll(`'`, String.raw`'\''`),
    each.replace(/[^\w@%+=:,./-]/g, String.raw`\$&`),
  ]);
  const inUrl = plain.map((each) => encodeURIComponent(each));
  const percent = inUrl.flatMap((each) => [
    each,
    each.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    each.replaceAll('%20', '+'),
    each.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`),
  ]);
  const marked = plain.flatMap((each) =>
    MARKED.map((escape) => each.replace(/[<>&"']/g, (char) => escape[char] ?? char)),
  );
  // Of several lines also each line, because tools cut or indent them; except for header lines that all such values
  // share.
  const lines = plain
    .filter((each) => each.includes('\n'))
    .flatMap((each) =>
      each.split(/\s*\n\s*/).filter((line) => line.length >= 16 && !line.startsWith('-----')),
    );
  const forms = [...plain, ...quoted, ...percent, ...marked, ...lines];
  const bytes = forms.map((form) => Buffer.from(form).toString('latin1'));
  return [...new Set([...forms, ...bytes])].filter((form) => form.length >= MIN_LENGTH);
}

/** `text` in JSON with ASCII only, as Python writes it. */
const inAscii = (text: string): string =>
  JSON.stringify(text)
    .slice(1, -1)
    .replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

const MARKUP = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
/** Escapes of special characters in HTML and XML, and in JSON that is embedded there (Go, PHP, Rails). */
const MARKED: readonly Readonly<Record<string, string>>[] = [
  MARKUP,
  { ...MARKUP, '"': '&quot;' },
  ...['&#x27;', '&#39;', '&#039;', '&apos;'].map((single) => ({ ...MARKUP, '"': '&quot;', "'": single })),
  { ...MARKUP, '"': '&#34;', "'": '&#39;' },
  { '&': '\\u0026', '<': '\\u003c', '>': '\\u003e' },
  { '&': '\\u0026', '<': '\\u003C', '>': '\\u003E' },
];

/** The decoded value, if it is URL-encoded or has escaped line breaks. */
function decoded(text: string): string[] {
  const forms: string[] = [];
  if (text.includes(String.raw`\n`)) forms.push(text.replace(/(\\r)?\\n/g, '\n'));
  if (!/%[0-9a-f]{2}/i.test(text)) return forms;
  try {
    return [...forms, decodeURIComponent(text)];
  } catch {
    return forms;
  }
}

/** The body of a private key, which is already encoded (RFC 7468), as a single line. */
function keyBody(text: string): string[] {
  const body = /-----BEGIN [A-Z ]+-----([A-Za-z0-9+/=\s]+)-----END /.exec(text)?.[1]?.replace(/[\s=]/g, '');
  return body === undefined ? [] : [body];
}

/** Encodings of a value, in Base64 and hexadecimal, without line breaks. */
function encodingsOf(value: string): string[] {
  const text = value.trim();
  if (text.length < MIN_LENGTH) return [];
  return [text, ...decoded(text)].flatMap((each) => {
    const hex = Buffer.from(each).toString('hex');
    return [...base64Of(each), hex, hex.toUpperCase(), ...keyBody(each)].filter(
      (form) => form.length >= MIN_LENGTH,
    );
  });
}

/**
 * The part of the value's Base64 that does not depend on its surroundings, for each of the three possible alignments.
 */
function base64Of(text: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
    const whole = bytes.toString('base64').slice([0, 2, 3][offset], Math.floor((bytes.length * 8) / 6));
    return [whole, whole.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
