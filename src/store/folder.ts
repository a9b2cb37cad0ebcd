/** A store in a folder, on a file system that all who use it have mounted. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import { errorCode, readForeignFile, statIfThere } from '../system/files.ts';
import { noStoreAt, storeDamaged, storeDenied, storeFull, storeUnreachable } from './errors.ts';
import { AREAS } from './records.ts';
import { MAX_OBJECT_BYTES, type CallOptions, type ListedObject, type Objects } from './objects.ts';

/** The folder of objects that are being written. */
const DRAFTS = 'drafts';
const DRAFT = /^drafts\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Objects as files below the folder `root`. What they may be read by is left to the umask: their content is encrypted. */
export class FolderObjects implements Objects {
  readonly place: string;

  constructor(root: string) {
    this.place = root;
  }

  async prepare(): Promise<void> {
    await this.#explained(async () => {
      for (const folder of [...AREAS, DRAFTS]) await mkdir(join(this.place, folder), { recursive: true });
    });
  }

  async putIfAbsent(key: string, content: Uint8Array, { signal }: CallOptions = {}): Promise<boolean> {
    signal?.throwIfAborted();
    return this.#explained(async () => {
      const path = join(this.place, key);
      const draft = join(this.place, DRAFTS, randomUUID());
      try {
        const file = await open(draft, 'wx');
        try {
          await file.writeFile(content);
          await file.sync();
        } finally {
          await file.close();
        }
        signal?.throwIfAborted();
        return await linked(draft, path);
      } finally {
        await unlink(draft).catch(() => undefined);
      }
    });
  }

  async get(key: string, { signal }: CallOptions = {}): Promise<Uint8Array | undefined> {
    signal?.throwIfAborted();
    return this.#explained(async () => {
      const path = join(this.place, key);
      const found = statIfThere(path);
      if (found === undefined) return undefined;
      if (!found.isFile() || found.size > MAX_OBJECT_BYTES)
        throw storeDamaged(this.place, `${key} is no object of a store`);
      return readForeignFile(path);
    }, undefined);
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    const folder = join(this.place, prefix);
    // Through a link, files of others would be taken for objects, and removed.
    if (statIfThere(folder.replace(/\/$/, ''))?.isDirectory() === false)
      throw storeDamaged(this.place, `${prefix} is no folder of a store`);
    const names = await this.#explained(() => readdir(folder), []);
    for (const name of names.sort()) {
      signal?.throwIfAborted();
      const found = statIfThere(join(this.place, prefix, name));
      if (found?.isFile()) yield { key: `${prefix}${name}`, bytes: found.size, modifiedAt: found.mtime };
    }
  }

  async delete(key: string): Promise<void> {
    await this.#explained(() => rm(join(this.place, key), { force: true }));
  }

  async removeDrafts(before: Date): Promise<number> {
    let bytes = 0;
    for await (const draft of this.list(`${DRAFTS}/`)) {
      if (draft.modifiedAt >= before || !DRAFT.test(draft.key)) continue;
      await this.delete(draft.key);
      bytes += draft.bytes;
    }
    return bytes;
  }

  /** @param missing the result where a file or folder is missing; without it, that is an error */
  async #explained<T>(work: () => Promise<T>, ...[missing]: [missing?: T]): Promise<T> {
    const hasDefault = arguments.length > 1;
    try {
      return await work();
    } catch (error) {
      if (error instanceof SubagentsError) throw error;
      const { place } = this;
      const code = errorCode(error);
      switch (code) {
        case 'ENOENT':
          if (hasDefault) return missing as T;
          throw noStoreAt(place, 'it is no folder of a store, or not mounted');
        case 'ENOTDIR':
          throw noStoreAt(place, 'it is not a folder');
        case 'ENOSPC':
        case 'EDQUOT':
          throw storeFull(place, error);
        case 'EACCES':
        case 'EPERM':
        case 'EROFS':
          throw storeDenied(place, code, error);
        case undefined:
          throw error;
        default:
          throw storeUnreachable(place, code, error);
      }
    }
  }
}

/** Gives the draft its name. @returns false where something has that name */
async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    // On a network file system the reply to the link may be lost; the repeated call then finds its own link.
    return (await stat(draft)).nlink > 1;
  }
}
