/**
 * Takes secrets out of text: the values of the worker's secret variables (as they are, in Base 64, in a URL, in JSON),
 * and what has the shape of a well-known kind of token. Cheap where there is nothing to take out.
 */

/** Shorter values are in too many words. */
const MIN_LENGTH = 8;
/** A match may lie across two chunks of a stream: so much is held back, at most. */
const MAX_HELD = 8 * 1024;

/**
 * Shapes that their makers document: GitHub, GitLab, OpenAI and Anthropic, AWS, Google, Slack, npm and PyPI tokens, JSON
 * Web Tokens, and private keys (RFC 7468).
 */
const SHAPES = [
  String.raw`\bgh[pousr]_[A-Za-z0-9]{36,255}`,
  String.raw`\bgithub_pat_[A-Za-z0-9_]{22,255}`,
  String.raw`\bglpat-[A-Za-z0-9_-]{20,64}`,
  String.raw`\bsk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{32,255}`,
  String.raw`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`,
  String.raw`\bAIza[0-9A-Za-z_-]{35}\b`,
  String.raw`\bxox[abeoprs]-[A-Za-z0-9-]{10,255}`,
  String.raw`\bnpm_[A-Za-z0-9]{36}\b`,
  String.raw`\bpypi-[A-Za-z0-9_-]{50,255}`,
  String.raw`\beyJ[A-Za-z0-9_-]{10,2048}\.eyJ[A-Za-z0-9_-]{10,4096}\.[A-Za-z0-9_-]{10,1024}`,
  String.raw`-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{1,6000}?-----END [A-Z ]{0,30}PRIVATE KEY-----`,
];

export class Redactor {
  readonly #names = new Map<string, string>();
  readonly #pattern: RegExp;

  /** @param secrets values by the name that stands in their place; those shorter than 8 characters are left alone. */
  constructor(secrets: ReadonlyMap<string, string>) {
    for (const [name, value] of secrets) {
      for (const form of formsOf(value)) if (!this.#names.has(form)) this.#names.set(form, name);
    }
    // The longest first: one secret may begin with another.
    const forms = [...this.#names.keys()].sort((a, b) => b.length - a.length).map(literally);
    this.#pattern = new RegExp([...forms, ...SHAPES].join('|'), 'g');
  }

  /** `text` with `[redacted NAME]` for each secret. */
  text(text: string): string {
    return text.replace(this.#pattern, (found) => this.#instead(found));
  }

  /** `value` with every string in it redacted, property names too. What has nothing to redact is given back as it is. */
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

  /** `bytes` with each secret overwritten, filled up with `*`: everything else stays where it is. The same bytes when there is none. */
  blank(bytes: Buffer): Buffer {
    const text = bytes.toString('latin1');
    const blanked = text.replace(this.#pattern, (found) =>
      this.#instead(found).padEnd(found.length, '*').slice(0, found.length),
    );
    return blanked === text ? bytes : Buffer.from(blanked, 'latin1');
  }

  /** Redacts a stream of bytes, whatever the borders of its chunks. */
  stream(): RedactingStream {
    return new RedactingStream(this.#pattern, (found) => this.#instead(found));
  }

  #instead(found: string): string {
    return `[redacted ${this.#names.get(found) ?? 'token'}]`;
  }
}

/** Takes chunks, and gives back what is ready: the end is held until it is certain that no secret begins in it. */
export class RedactingStream {
  readonly #pattern: RegExp;
  readonly #instead: (found: string) => string;
  #held = '';

  constructor(pattern: RegExp, instead: (found: string) => string) {
    this.#pattern = new RegExp(pattern.source, 'g');
    this.#instead = instead;
  }

  take(chunk: Buffer): Buffer {
    this.#held += chunk.toString('latin1');
    return this.#give(Math.max(0, this.#held.length - MAX_HELD), false);
  }

  /** What was held back. */
  end(): Buffer {
    return this.#give(this.#held.length, true);
  }

  /** Gives everything before `limit`; a secret that lies across it whole, unless it may go on behind the end. */
  #give(limit: number, last: boolean): Buffer {
    let ready = '';
    let at = 0;
    if (limit > 0) {
      this.#pattern.lastIndex = 0;
      for (let match; (match = this.#pattern.exec(this.#held)) && match.index < limit;) {
        ready += this.#held.slice(at, match.index) + this.#instead(match[0]);
        at = match.index + match[0].length;
      }
      const until = last ? this.#held.length : Math.max(at, limit);
      ready += this.#held.slice(at, until);
      this.#held = this.#held.slice(until);
    }
    return Buffer.from(ready, 'latin1');
  }
}

/** How a value may stand in a text; as bytes of UTF-8 too, for streams. */
function formsOf(value: string): string[] {
  const text = value.trim();
  if (text.length < MIN_LENGTH) return [];
  const encoded = [...base64Of(text), encodeURIComponent(text), JSON.stringify(text).slice(1, -1)];
  // Of several lines: each for itself too, for whoever cuts or indents them.
  const lines = text.includes('\n') ? text.split(/\s*\n\s*/).filter((line) => line.length >= 16) : [];
  const forms = [text, ...encoded, ...lines];
  const bytes = forms.map((form) => Buffer.from(form).toString('latin1'));
  return [...new Set([...forms, ...bytes])].filter((form) => form.length >= MIN_LENGTH);
}

/** What of its Base 64 is certain, whatever stands before and behind it: one for each place it may begin at. */
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
