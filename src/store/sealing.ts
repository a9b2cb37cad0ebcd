/**
 * Turns contents into sealed objects and back. Each object is an envelope (`src/keys/envelope.ts`) that is bound to the
 * store and to its own address; a chunk is also bound to its number and to the write that it is of. So no object can take
 * the place of another, and no chunk can be left out, repeated or exchanged, without being noticed.
 */
import { createHmac } from 'node:crypto';
import { SubagentsError } from '../contract/errors.ts';
import { headerOf, open, seal } from '../keys/envelope.ts';
import { storeKey } from '../keys/key-ring.ts';
import type { Keys } from '../keys/keys.ts';
import { objectHead, type ObjectHead, type ObjectName } from './records.ts';

/** Bytes of a chunk; a content of at most `INLINE_BYTES` is part of its head. */
export const CHUNK_BYTES = 4 * 1024 * 1024;
export const INLINE_BYTES = 64 * 1024;
/** Bytes of the length of a head. */
const LENGTH_BYTES = 4;

/** Why an object cannot be opened. */
export type Unopened = { readonly problem: string };

/** Seals and opens the objects of one store. */
export class Sealing {
  readonly #keys: Keys;
  readonly #store: string;

  /** @param store the id of the store */
  constructor(keys: Keys, store: string) {
    this.#keys = keys;
    this.#store = store;
  }

  /** The key of an object: nobody without the ring can tell its name, or find it by its name. */
  keyOf({ area, name }: ObjectName): string {
    const address = createHmac('sha256', storeKey(this.#keys.ring)).update(`${this.#store} ${name}`);
    return `${area}/${address.digest('hex')}`;
  }

  /** Seals a head with a content that is small, or in chunks. */
  async sealHead(key: string, head: ObjectHead, inline: Uint8Array): Promise<Uint8Array> {
    const text = Buffer.from(JSON.stringify(head));
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(text.length);
    return seal(await this.#keys.current(), Buffer.concat([length, text, inline]), this.#binding(key));
  }

  /** @throws SubagentsError KEY_MISSING */
  async openHead(
    key: string,
    object: Uint8Array,
  ): Promise<{ readonly head: ObjectHead; readonly inline: Uint8Array } | Unopened> {
    const content = await this.#open(key, object);
    if ('problem' in content) return content;
    const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    const end = LENGTH_BYTES + (text.length < LENGTH_BYTES ? 0 : text.readUInt32BE());
    try {
      const head = objectHead.parse(JSON.parse(text.toString('utf8', LENGTH_BYTES, end)));
      const inline = text.subarray(end);
      if (head.chunks > 0 || inline.length === head.bytes) return { head, inline };
      return { problem: 'it has not all of its content' };
    } catch {
      return { problem: 'its head is of another version' };
    }
  }

  /** The key of a chunk, counted from 0. */
  chunkKey(key: string, { write }: Pick<ObjectHead, 'write'>, index: number): string {
    return `${key}.${write}.${String(index).padStart(6, '0')}`;
  }

  async sealChunk(key: string, content: Uint8Array): Promise<Uint8Array> {
    return seal(await this.#keys.current(), content, this.#binding(key));
  }

  /** @throws SubagentsError KEY_MISSING */
  openChunk(key: string, object: Uint8Array): Promise<Uint8Array | Unopened> {
    return this.#open(key, object);
  }

  #binding(key: string): string {
    return `store ${this.#store} ${key}`;
  }

  async #open(key: string, object: Uint8Array): Promise<Uint8Array | Unopened> {
    const header = headerOf(object);
    if (header === undefined) return { problem: 'it is no object of a store, or only the beginning of one' };
    if (header.binding !== this.#binding(key)) return { problem: 'it is the object of another place' };
    const found = await this.#keys.find(header.keyId);
    if (found === 'foreign')
      return { problem: `it is encrypted with a key of another ring, ${header.keyId}` };
    if (found === 'missing')
      throw new SubagentsError(
        'KEY_MISSING',
        `an object of the store is encrypted with the key ${header.keyId}, which is no longer in ${this.#keys.origin}`,
        { remedy: 'put back a ring that has it: a copy of `subagents keys backup`' },
      );
    return open(found, object) ?? { problem: 'it was changed after it was written, or is only a part' };
  }
}

/** What shows that the id of a store was made by someone who has the ring. */
export const proofOf = (keys: Keys, id: string): string =>
  createHmac('sha256', storeKey(keys.ring)).update(`id ${id}`).digest('hex');
