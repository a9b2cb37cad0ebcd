/** What a store is made of: whole objects of bounded size, in a folder or in a bucket. It knows nothing of what is in them. */

/**
 * The largest object, in bytes. Larger contents are several objects, so that whoever reads or writes them needs little
 * memory, and a slow network loses little by a retry.
 */
export const MAX_OBJECT_BYTES = 4 * 1024 * 1024 + 64 * 1024;

/** An object as a list has it. */
export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  /** By the clock of the store. */
  readonly modifiedAt: Date;
}

/** Options of every call. */
export interface CallOptions {
  /** Ends the call, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A place that keeps objects. Keys are relative paths of `[a-z0-9./-]`. */
export interface Objects {
  /** The place for people, without secrets. */
  readonly place: string;
  /** Makes the place ready for a new store. Nothing else makes a folder: one that is not mounted stays as it is. */
  prepare(): Promise<void>;
  /**
   * Writes an object unless there is one of that key. Of several concurrent calls one succeeds. Readers see the whole
   * object or none.
   * @returns whether this call wrote it. After a retry `false` may also mean that an earlier attempt of this call did.
   * @throws SubagentsError STORE_DENIED, STORE_UNREACHABLE, DISK_FULL, NO_STORE
   */
  putIfAbsent(key: string, content: Uint8Array, options?: CallOptions): Promise<boolean>;
  /**
   * Reads an object; undefined where there is none.
   * @throws SubagentsError as `putIfAbsent`; STORE_DAMAGED if it is larger than `MAX_OBJECT_BYTES`
   */
  get(key: string, options?: CallOptions): Promise<Uint8Array | undefined>;
  /** Lists the objects whose key begins with `prefix`, a folder with a slash at its end. @throws as `putIfAbsent` */
  list(prefix: string, options?: CallOptions): AsyncIterable<ListedObject>;
  /** Removes an object; nothing happens where there is none. @throws as `putIfAbsent` */
  delete(key: string, options?: CallOptions): Promise<void>;
  /** Removes what interrupted writers left before `before`, by the clock of the store. @returns the bytes */
  removeDrafts(before: Date): Promise<number>;
}
