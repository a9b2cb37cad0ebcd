/** The keys of this process. They follow their source: another process may have added a key meanwhile. */
import { statSync } from 'node:fs';
import { SubagentsError } from '../contract/errors.ts';
import type { Key } from './envelope.ts';
import { isOfRing, keyOf, ringName, type KeyRing } from './key-ring.ts';
import { readRing, sourceName, type KeySource } from './key-source.ts';

/** How often a file is looked at for a change, in milliseconds. */
const LOOK_MS = 1_000;
/** How often a source is read again for a key that is not there, in milliseconds. */
const AGAIN_MS: Readonly<Record<KeySource['kind'], number>> = { file: 100, env: Infinity, command: 10_000 };
/** How often a command is run again, for a new key that is to encrypt, in milliseconds. */
const REFRESH_MS = 5 * 60_000;

/** What is known of a key id that a message names. */
export type Found = Key | 'missing' | 'foreign';

/** The keys of one ring. */
export class Keys {
  readonly #source: KeySource;
  #ring: KeyRing;
  #readAt = Date.now();
  #lookedAt = Date.now();
  #version: string | undefined;
  #reading: Promise<void> | undefined;

  private constructor(source: KeySource, ring: KeyRing, version: string | undefined) {
    this.#source = source;
    this.#ring = ring;
    this.#version = version;
  }

  /** Reads the ring. @throws SubagentsError KEYS_UNREADABLE */
  static async read(source: KeySource): Promise<Keys> {
    const version = versionOf(source);
    return new Keys(source, await readRing(source), version);
  }

  /** The ring as it was read last. */
  get ring(): KeyRing {
    return this.#ring;
  }

  /** The public name of the ring. */
  get name(): string {
    return ringName(this.#ring);
  }

  /** The source, for people. */
  get origin(): string {
    return sourceName(this.#source);
  }

  /** The key that encrypts now. */
  async current(): Promise<Key> {
    await this.refresh();
    const key = keyOf(this.#ring, this.#ring.current);
    if (key === undefined) throw new SubagentsError('INTERNAL', 'the current key is not in its ring');
    return key;
  }

  /** The key with this id; `missing` if the ring had it once, `foreign` if it is of another ring. */
  async find(id: string): Promise<Found> {
    const known = keyOf(this.#ring, id);
    if (known !== undefined) return known;
    if (!isOfRing(this.#ring, id)) return 'foreign';
    if (Date.now() - this.#readAt >= AGAIN_MS[this.#source.kind]) await this.#read();
    return keyOf(this.#ring, id) ?? 'missing';
  }

  /** Reads a source again that was changed; `current` does so by itself. */
  async refresh(): Promise<void> {
    const now = Date.now();
    if (this.#source.kind === 'command' && now - this.#readAt > REFRESH_MS) await this.#read();
    if (this.#source.kind !== 'file' || now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    if (versionOf(this.#source) !== this.#version) await this.#read();
  }

  /**
   * Reads the source again. A source that cannot be read now, or has another ring, changes nothing: the keys that are
   * known still work.
   */
  async #read(): Promise<void> {
    this.#reading ??= (async () => {
      const version = versionOf(this.#source);
      try {
        const ring = await readRing(this.#source);
        if (ring.mark === this.#ring.mark) this.#ring = ring;
        this.#version = version;
      } catch {
        // Whoever needs a key that is not there hears of it.
      }
      this.#readAt = Date.now();
      this.#reading = undefined;
    })();
    await this.#reading;
  }
}

/** What changes when a file is replaced. */
function versionOf(source: KeySource): string | undefined {
  if (source.kind !== 'file') return undefined;
  const stat = statSync(source.path, { throwIfNoEntry: false });
  return stat && `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
}
