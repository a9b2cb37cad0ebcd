/** A store: sealed objects with records, in a folder or a bucket that everybody who uses it reaches. */
import { randomBytes, randomInt, randomUUID, timingSafeEqual } from 'node:crypto';
import { SubagentsError } from '../contract/errors.ts';
import type { Keys } from '../keys/keys.ts';
import type { Env } from '../system/home-root.ts';
import { noStoreAt, storeDamaged } from './errors.ts';
import { FolderObjects } from './folder.ts';
import type { CallOptions, ListedObject, Objects } from './objects.ts';
import { STORE_VARIABLE, storePlaceOf, type StorePlace } from './place.ts';
import {
  AREAS,
  nameOf,
  storeIdentity,
  type Area,
  type ObjectHead,
  type ObjectName,
  type StoreIdentity,
  type StoreRecord,
} from './records.ts';
import { withRetries, type Patience } from './retries.ts';
import { S3Objects } from './s3.ts';
import { CHUNK_BYTES, INLINE_BYTES, proofOf, Sealing, type Unopened } from './sealing.ts';

/** The key of the id object. */
const IDENTITY = 'store.json';
/** What a probe is called that could not be removed. */
const PROBE = /^[a-z]+\/probe-[0-9a-f-]{36}$/;
/** How often an object is read again that was not as it was written: it may have been mangled on its way. */
const READ_AGAIN = 2;
/** How long the removal of what an interrupted write left may take, in milliseconds. */
const UNDO_TIMEOUT_MS = 5_000;
/** Heads that a list reads at a time. */
const READ_AT_ONCE = 8;

/** What opens a store. */
export interface StoreOptions extends Patience {
  readonly env: Env;
  /** The keys of its objects; without them no store can be used. */
  readonly keys: Keys | undefined;
  /** How long one call to a bucket may take, in milliseconds; default 2 minutes. */
  readonly timeoutMs?: number | undefined;
}

/** Options of a write. */
export interface PutOptions extends CallOptions {
  /** Called with the bytes that are written so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** An object that was read. Its content can be read once. */
export interface StoreObject {
  readonly record: StoreRecord;
  readonly bytes: number;
  /** @throws SubagentsError STORE_DAMAGED if a part of it is missing or was changed */
  readonly content: AsyncIterable<Uint8Array>;
}

/** An object as `list` has it. */
export interface StoredObject {
  /** Its address. */
  readonly key: string;
  /** Undefined for an object that cannot be read; `problem` says why. */
  readonly record: StoreRecord | undefined;
  readonly problem?: string | undefined;
  /** Bytes that it takes, with its chunks. */
  readonly bytes: number;
  readonly modifiedAt: Date;
  /** The keys of its chunks. */
  readonly chunks: readonly string[];
}

export class Store {
  /** `s-` and 8 characters. */
  readonly id: string;
  /** The public name of the key ring of its objects. */
  readonly ring: string;
  readonly #objects: Objects;
  readonly #sealing: Sealing;

  private constructor(id: string, objects: Objects, keys: Keys) {
    this.id = id;
    this.ring = keys.name;
    this.#objects = objects;
    this.#sealing = new Sealing(keys, id);
  }

  /**
   * Opens the store that `SUBAGENTS_STORE` names.
   * @returns undefined where it names none
   * @throws SubagentsError NO_STORE where nobody made one, OTHER_STORE, KEYS_UNREADABLE without keys, and as the calls
   */
  static async open(options: StoreOptions): Promise<Store | undefined> {
    const place = storePlaceOf(options.env);
    if (place === undefined) return undefined;
    const { objects, keys } = await objectsOf(place, options);
    const content = await objects.get(IDENTITY);
    if (content === undefined) throw noStoreAt(objects.place, 'it has no store.json');
    return new Store(identityIn(content, objects, keys).id, objects, keys);
  }

  /** As `open`. @throws SubagentsError NO_STORE also where `SUBAGENTS_STORE` names none */
  static async require(options: StoreOptions): Promise<Store> {
    return (await Store.open(options)) ?? notNamed();
  }

  /**
   * Makes a store where `SUBAGENTS_STORE` says. Nothing but this makes one.
   * @throws SubagentsError BAD_INPUT where there is one already; as `open` and `probe`
   */
  static async init(options: StoreOptions): Promise<Store> {
    const place = storePlaceOf(options.env);
    if (place === undefined) return notNamed();
    const { objects, keys } = await objectsOf(place, options);
    const id = newId();
    const store = new Store(id, objects, keys);
    await objects.prepare();
    await store.probe('in');
    const identity: StoreIdentity = {
      format: 1,
      id,
      ring: keys.name,
      created: new Date().toISOString(),
      proof: proofOf(keys, id),
    };
    if (await objects.putIfAbsent(IDENTITY, Buffer.from(`${JSON.stringify(identity, undefined, 2)}\n`)))
      return store;
    throw new SubagentsError('BAD_INPUT', `there is a store already at ${objects.place}`, {
      remedy: '`subagents store status` shows it',
    });
  }

  /** The place for people. */
  get place(): string {
    return this.#objects.place;
  }

  /**
   * Checks that the store refuses to write an object twice: all that several machines agree on rests on that.
   * @throws SubagentsError STORE_DENIED if it does not
   */
  async probe(area: Area, options: CallOptions = {}): Promise<void> {
    const key = `${area}/probe-${randomUUID()}`;
    const [first, second] = [
      await this.#objects.putIfAbsent(key, Buffer.from('first'), options),
      await this.#objects.putIfAbsent(key, Buffer.from('second'), options),
    ];
    const found = await this.#objects.get(key, options);
    // Whoever may only write there leaves the probe to `clean`.
    await this.#objects.delete(key, options).catch(() => undefined);
    if (first && !second && found !== undefined && Buffer.from(found).toString() === 'first') return;
    throw new SubagentsError(
      'STORE_DENIED',
      `the store ${this.place} cannot be used: it wrote an object over another of the same name`,
      {
        remedy:
          'use a service that knows conditional writes (If-None-Match), or a folder on a file system that knows hard links',
      },
    );
  }

  /**
   * Writes an object, unless there is one of that name. Needs memory for one chunk.
   * @returns the bytes of the content; the record of the object that was there before, if there was one
   * @throws SubagentsError as `Objects.putIfAbsent`; what `content` throws; the signal's reason. Nothing that counts is left then
   */
  async put(
    record: StoreRecord,
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    { signal, onProgress }: PutOptions = {},
  ): Promise<{ readonly bytes: number; readonly before?: StoreRecord }> {
    const key = this.#sealing.keyOf(nameOf(record));
    const write = randomBytes(8).toString('hex');
    const written: string[] = [];
    try {
      let bytes = 0;
      let inline: Uint8Array = Buffer.alloc(0);
      for await (const part of chunked(content)) {
        signal?.throwIfAborted();
        const isOnly = written.length === 0 && part.length <= INLINE_BYTES;
        if (isOnly) inline = part;
        else
          await this.#putChunk(this.#sealing.chunkKey(key, { write }, written.length), part, written, signal);
        bytes += part.length;
        onProgress?.(bytes);
      }
      const head: ObjectHead = { record, write, bytes, chunks: written.length };
      const sealed = await this.#sealing.sealHead(key, head, inline);
      if (await this.#objects.putIfAbsent(key, sealed, { signal })) return { bytes };
      const there = await this.#read(key, { signal });
      // An earlier attempt of this write arrived, and only its answer was lost.
      if (there?.head.write === write) return { bytes };
      await this.#undo(written);
      if (there === undefined) throw storeDamaged(this.place, `an object was removed while it was written`);
      return { bytes, before: there.head.record };
    } catch (error) {
      await this.#undo(written);
      throw error;
    }
  }

  async #putChunk(
    key: string,
    part: Uint8Array,
    written: string[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    written.push(key);
    // Only an earlier attempt of this very call can have written it: nobody else knows the id of the write.
    await this.#objects.putIfAbsent(key, await this.#sealing.sealChunk(key, part), { signal });
  }

  async #undo(keys: readonly string[]): Promise<void> {
    const signal = AbortSignal.timeout(UNDO_TIMEOUT_MS);
    // What stays is in no head, and `clean` removes it.
    for (const key of keys)
      if (!signal.aborted) await this.#objects.delete(key, { signal }).catch(() => undefined);
  }

  /**
   * Reads an object; undefined where there is none.
   * @throws SubagentsError as `Objects.get`; STORE_DAMAGED, KEY_MISSING
   */
  async get(name: ObjectName, options: CallOptions = {}): Promise<StoreObject | undefined> {
    const key = this.#sealing.keyOf(name);
    const found = await this.#read(key, options);
    if (found === undefined) return undefined;
    const { head, inline } = found;
    return { record: head.record, bytes: head.bytes, content: this.#contentOf(key, head, inline, options) };
  }

  async #read(
    key: string,
    options: CallOptions,
  ): Promise<{ readonly head: ObjectHead; readonly inline: Uint8Array } | undefined> {
    return this.#opened(key, options, (object) => this.#sealing.openHead(key, object));
  }

  async *#contentOf(
    key: string,
    head: ObjectHead,
    inline: Uint8Array,
    options: CallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    if (head.chunks === 0) return yield inline;
    let bytes = 0;
    for (let index = 0; index < head.chunks; index++) {
      const chunkKey = this.#sealing.chunkKey(key, head, index);
      const part = await this.#opened(chunkKey, options, (object) =>
        this.#sealing.openChunk(chunkKey, object),
      );
      if (part === undefined)
        throw storeDamaged(this.place, `part ${index + 1} of ${head.chunks} of ${key} is missing`);
      bytes += part.length;
      yield part;
    }
    if (bytes !== head.bytes)
      throw storeDamaged(this.place, `${key} has ${bytes} bytes instead of ${head.bytes}`);
  }

  /** Reads and opens an object; one that cannot be opened is read again. */
  async #opened<T extends object>(
    key: string,
    options: CallOptions,
    open: (object: Uint8Array) => Promise<T | Unopened>,
  ): Promise<T | undefined> {
    for (let again = 0; ; again++) {
      const object = await this.#objects.get(key, options);
      if (object === undefined) return undefined;
      const opened = await open(object);
      if (!('problem' in opened)) return opened;
      if (again === READ_AGAIN) throw storeDamaged(this.place, `${key} cannot be read: ${opened.problem}`);
    }
  }

  /** All objects, and what is part of none: chunks of writes that never ended, and probes. Reads the head of each object. */
  async list(
    options: CallOptions = {},
  ): Promise<{ readonly objects: readonly StoredObject[]; readonly loose: readonly ListedObject[] }> {
    const objects: StoredObject[] = [];
    const loose: ListedObject[] = [];
    for (const area of AREAS) {
      const heads: ListedObject[] = [];
      const chunks = new Map<string, ListedObject[]>();
      for await (const each of this.#objects.list(`${area}/`, options)) {
        const [, head] = /^([a-z]+\/[0-9a-f]{64})(?:\.[0-9a-f]{16}\.\d{6})?$/.exec(each.key) ?? [];
        if (head === undefined) {
          // What has no name of ours is not ours to remove.
          if (PROBE.test(each.key)) loose.push(each);
          continue;
        }
        if (head === each.key) heads.push(each);
        else chunks.set(head, [...(chunks.get(head) ?? []), each]);
      }
      for (let at = 0; at < heads.length; at += READ_AT_ONCE) {
        const some = heads.slice(at, at + READ_AT_ONCE);
        for (const { stored, others } of await Promise.all(
          some.map((head) => this.#stored(head, chunks.get(head.key) ?? [], options)),
        )) {
          if (stored !== undefined) objects.push(stored);
          loose.push(...others);
        }
      }
      for (const { key } of heads) chunks.delete(key);
      loose.push(...[...chunks.values()].flat());
    }
    return { objects, loose };
  }

  async #stored(
    { key, bytes, modifiedAt }: ListedObject,
    chunks: readonly ListedObject[],
    options: CallOptions,
  ): Promise<{ readonly stored?: StoredObject; readonly others: readonly ListedObject[] }> {
    const all = [...chunks];
    let head: ObjectHead | undefined;
    let problem: string | undefined;
    try {
      const found = await this.#read(key, options);
      // It was removed since the list.
      if (found === undefined) return { others: all };
      head = found.head;
    } catch (error) {
      if (!(error instanceof SubagentsError) || !['STORE_DAMAGED', 'KEY_MISSING'].includes(error.code))
        throw error;
      problem = error.message;
    }
    const isOwn = (each: ListedObject): boolean =>
      head === undefined || each.key.startsWith(`${key}.${head.write}.`);
    const own = all.filter(isOwn);
    if (head !== undefined && own.length < head.chunks)
      problem = `${head.chunks - own.length} of its ${head.chunks} parts are missing`;
    const stored = {
      key,
      record: head?.record,
      problem,
      bytes: own.reduce((sum, each) => sum + each.bytes, bytes),
      modifiedAt,
      chunks: own.map((each) => each.key),
    };
    return { stored, others: all.filter((each) => !isOwn(each)) };
  }

  /** Removes an object: its head first, so that a reader finds it whole or not at all. */
  async remove(
    { key, chunks }: Pick<StoredObject, 'key' | 'chunks'>,
    options: CallOptions = {},
  ): Promise<void> {
    for (const each of [key, ...chunks]) await this.#objects.delete(each, options);
  }

  /** Removes what is part of no object. */
  async removeLoose({ key }: ListedObject, options: CallOptions = {}): Promise<void> {
    await this.#objects.delete(key, options);
  }

  /** Removes what interrupted writers left before `before`. @returns the bytes */
  removeDrafts(before: Date): Promise<number> {
    return this.#objects.removeDrafts(before);
  }
}

function notNamed(): never {
  throw new SubagentsError('NO_STORE', `no store is named: ${STORE_VARIABLE} is not set`, {
    remedy:
      'set it to the absolute path of a folder that all have, or to s3://bucket/prefix; see docs/store.md',
  });
}

async function objectsOf(
  place: StorePlace,
  { env, keys, timeoutMs, ...patience }: StoreOptions,
): Promise<{ readonly objects: Objects; readonly keys: Keys }> {
  if (keys === undefined)
    throw new SubagentsError(
      'KEYS_UNREADABLE',
      'a store needs keys: what is in it is encrypted, and there are none',
      {
        remedy: 'name the key ring of the fleet with SUBAGENTS_KEYS; `subagents keys init` makes one',
      },
    );
  const objects =
    place.kind === 'folder' ? new FolderObjects(place.path) : await S3Objects.open(place, env, timeoutMs);
  return { objects: withRetries(objects, patience), keys };
}

/** @throws SubagentsError OTHER_STORE */
function identityIn(content: Uint8Array, { place }: Objects, keys: Keys): StoreIdentity {
  const parsed = storeIdentity.safeParse(jsonIn(content));
  if (!parsed.success)
    throw new SubagentsError(
      'OTHER_STORE',
      `${place} is no store of this version: its store.json cannot be read`,
      {
        remedy: `name a store with ${STORE_VARIABLE} that \`subagents store init\` made`,
      },
    );
  const { id, ring, proof } = parsed.data;
  if (ring !== keys.name)
    throw new SubagentsError(
      'OTHER_STORE',
      `the store ${id} at ${place} is of the key ring ${ring}, but ${keys.origin} has the ring ${keys.name}`,
      { remedy: 'name the key ring of the store with SUBAGENTS_KEYS, or another store with SUBAGENTS_STORE' },
    );
  if (timingSafeEqual(Buffer.from(proof, 'hex'), Buffer.from(proofOf(keys, id), 'hex'))) return parsed.data;
  throw new SubagentsError(
    'OTHER_STORE',
    `the id of the store at ${place} was not made with the key ring ${ring}`,
    {
      remedy: 'somebody changed its store.json: restore that object from a backup',
    },
  );
}

function jsonIn(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString());
  } catch {
    return undefined;
  }
}

/** The content in parts of `CHUNK_BYTES`; the last one is smaller. None for an empty content. */
async function* chunked(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of content) {
    for (let at = 0; at < part.length;) {
      const some = part.subarray(at, at + CHUNK_BYTES - bytes);
      parts.push(some);
      bytes += some.length;
      at += some.length;
      if (bytes < CHUNK_BYTES) continue;
      yield Buffer.concat(parts);
      parts = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(parts);
}

/** Base 32 (RFC 4648, lower case). */
function newId(): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  return `s-${Array.from({ length: 8 }, () => alphabet[randomInt(alphabet.length)]).join('')}`;
}
