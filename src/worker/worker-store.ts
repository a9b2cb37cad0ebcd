/** The store of a worker: opened when it is first needed, and tried before it is used. */
import { join } from 'node:path';
import { z } from 'zod';
import { SubagentsError } from '../contract/errors.ts';
import type { Keys } from '../keys/keys.ts';
import { STORE_VARIABLE, storePlaceOf } from '../store/place.ts';
import { Store } from '../store/store.ts';
import { readIfThere, writePrivateFile } from '../system/files.ts';
import type { Env } from '../system/home-root.ts';

const FILE = 'store.json';
const known = z.object({ place: z.string(), id: z.string() });

export class WorkerStore {
  readonly #root: string;
  readonly #keys: Keys | undefined;
  readonly #env: Env;
  #opened: Promise<Store> | undefined;

  /** @param home the worker's home, which remembers the id of its store */
  constructor({ root }: { readonly root: string }, keys: Keys | undefined, env: Env) {
    this.#root = root;
    this.#keys = keys;
    this.#env = env;
  }

  /** Opens the store at the start of the worker, if it has one, and says why it cannot be used. */
  async check(onNotice: (line: string) => void): Promise<void> {
    try {
      const store = await this.look();
      if (store !== undefined) onNotice(`the store is ${store.id}, at ${store.place}`);
    } catch (error) {
      const remedy =
        error instanceof SubagentsError && error.remedy !== undefined ? ` (${error.remedy})` : '';
      onNotice(`the store is not used: ${(error as Error).message}${remedy}`);
    }
  }

  /**
   * The store of this worker; undefined if it has none. One that could not be opened is tried again.
   * @throws SubagentsError NO_STORE, OTHER_STORE, and as `Store.open` and `Store.probe`
   */
  async look(): Promise<Pick<Store, 'id' | 'place'> | undefined> {
    return storePlaceOf(this.#env) === undefined ? undefined : this.#open();
  }

  /**
   * The store with this id. One that could not be opened is tried again.
   * @throws SubagentsError NO_STORE, OTHER_STORE, and as `Store.open` and `Store.probe`
   */
  async require(id: string): Promise<Store> {
    const store = await this.#open();
    if (store.id === id) return store;
    throw new SubagentsError(
      'OTHER_STORE',
      `this worker uses the store ${store.id} at ${store.place}, and the caller the store ${id}`,
      { remedy: `give both the same ${STORE_VARIABLE}` },
    );
  }

  async #open(): Promise<Store> {
    this.#opened ??= (async () => {
      const store = await Store.require({ env: this.#env, keys: this.#keys });
      await store.probe('runs');
      this.#remember(store);
      return store;
    })();
    try {
      return await this.#opened;
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
  }

  /** @throws SubagentsError OTHER_STORE where the place has another store than before */
  #remember({ id, place }: Store): void {
    const path = join(this.#root, FILE);
    const before = knownIn(readIfThere(path));
    if (before?.place === place && before.id === id) return;
    if (before?.place === place)
      throw new SubagentsError(
        'OTHER_STORE',
        `at ${place} is the store ${id}, and before it was ${before.id}`,
        {
          remedy: `bring the store ${before.id} back; if it is meant to be another one, remove ${path}`,
        },
      );
    writePrivateFile(path, JSON.stringify({ place, id }));
  }
}

function knownIn(text: string | undefined): z.infer<typeof known> | undefined {
  try {
    return known.parse(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}
