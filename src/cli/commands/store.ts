/** `subagents store` and its commands: where the work of a fleet lies. */
import { branchWithWork } from '../../git/branches/unmerged.ts';
import { Git } from '../../git/git.ts';
import { resolveRepository } from '../../git/repository.ts';
import { Keys } from '../../keys/keys.ts';
import { carryOut, planClean, type Decided, type IsMerged } from '../../store/clean.ts';
import { Store, type StoredObject, type StoreOptions } from '../../store/store.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { StoreCleanJson, StoreJson, StoreListJson, StoreObjectJson, StoreStatusJson } from '../json.ts';
import { bytesText, plural } from '../render/numbers.ts';
import { table } from '../render/table.ts';
import { age } from '../render/time.ts';
import { ringSource } from '../ring-source.ts';

/** How long a command goes on trying while the store does not answer, in milliseconds. */
const PATIENCE_MS = 20_000;

/** `subagents store init` */
export async function initStore(context: Context): Promise<number> {
  const store = await Store.init(await optionsOf(context));
  const { output } = context;
  output.data(identityOf(store));
  output.line(`${output.colors.green('made')} the store ${store.id} at ${store.place}`);
  output.line('Give SUBAGENTS_STORE and SUBAGENTS_KEYS to the workers and clients that share it.');
  return EXIT.ok;
}

/** `subagents store status` */
export async function storeStatus(context: Context): Promise<number> {
  const store = await Store.require(await optionsOf(context));
  await store.probe('in');
  const { objects, loose } = await store.list();
  const subagents = bySubagent(objects);
  const bytes = [...objects, ...loose].reduce((sum, each) => sum + each.bytes, 0);
  const unreadable = objects.filter(({ problem }) => problem !== undefined).length;
  const oldest = oldestOf(objects);
  const { output } = context;
  output.data({
    ...identityOf(store),
    objects: objects.length,
    bytes,
    oldest,
    unreadable,
    subagents,
  } satisfies StoreStatusJson);
  output.fact('store', `${store.id}, at ${store.place}`);
  output.fact('keys', store.ring);
  output.fact('size', `${bytesText(bytes)}, ${plural(objects.length, 'object')}`);
  if (oldest !== null) output.fact('oldest', `${age(oldest, Date.now())} ago`);
  if (unreadable > 0) output.fact('damaged', `${plural(unreadable, 'object')}: see subagents store list`);
  if (subagents.length > 0)
    output.line(
      table(
        subagents,
        [
          {
            title: 'SUBAGENT',
            cell: ({ session, label }) => `${session}/${label}`,
            flexible: true,
            cutMiddle: true,
          },
          { title: 'SIZE', cell: (each) => bytesText(each.bytes) },
          { title: 'OLDEST', cell: (each) => age(each.oldest, Date.now()) },
        ],
        output.width,
        output.colors,
      ),
    );
  return EXIT.ok;
}

/** `subagents store list` */
export async function listStore(context: Context): Promise<number> {
  const store = await Store.require(await optionsOf(context));
  const { objects, loose } = await store.list();
  const rows = objects.map(objectJson);
  const { output } = context;
  output.data({
    ...identityOf(store),
    objects: rows,
    unfinished: { parts: loose.length, bytes: loose.reduce((sum, each) => sum + each.bytes, 0) },
  } satisfies StoreListJson);
  if (rows.length === 0) output.line(`The store ${store.id} is empty.`);
  else
    output.line(
      table(
        rows,
        [
          { title: 'KIND', cell: ({ kind }) => kind },
          { title: 'SUBAGENT', cell: nameOf, flexible: true, cutMiddle: true },
          { title: 'COMMIT', cell: ({ commit }) => commit?.slice(0, 10) ?? '' },
          { title: 'SIZE', cell: ({ bytes }) => bytesText(bytes) },
          { title: 'AGE', cell: ({ at }) => age(at, Date.now()) },
        ],
        output.width,
        output.colors,
      ),
    );
  for (const { problem, key } of rows)
    if (problem !== undefined) output.note(output.noteColors.yellow(`! ${key}: ${problem}`));
  return EXIT.ok;
}

/** `subagents store clean` */
export async function cleanStore(
  context: Context,
  { dryRun = false, repo }: { readonly dryRun?: boolean | undefined; readonly repo?: string | undefined },
): Promise<number> {
  const store = await Store.require(await optionsOf(context));
  const plan = await planClean(await store.list(), { isMerged: await isMergedIn(repo) });
  const removed = plan.decided.filter(({ remove }) => remove);
  const kept = plan.decided.filter(({ remove }) => !remove);
  const freedBytes = dryRun
    ? [...removed.map(({ object }) => object), ...plan.loose].reduce((sum, each) => sum + each.bytes, 0)
    : await carryOut(store, plan);
  const { output } = context;
  const report = (decided: readonly Decided[]) =>
    decided.map(({ object, why }) => ({ ...objectJson(object), why }));
  output.data({
    ...identityOf(store),
    dryRun,
    removed: report(removed),
    kept: report(kept),
    freedBytes,
  } satisfies StoreCleanJson);
  const line = (word: string, { object, why }: Decided): void => {
    const shown = objectJson(object);
    output.line(`${word} ${shown.kind} ${nameOf(shown)} (${bytesText(shown.bytes)}): ${why}`);
  };
  for (const each of removed) line(output.colors.green(dryRun ? 'would remove' : 'removed'), each);
  // What is about other objects goes and stays with them.
  for (const each of kept)
    if (!['accepted', 'merged'].includes(each.object.record?.kind ?? ''))
      line(output.colors.yellow('kept'), each);
  if (freedBytes > 0) output.line(`${dryRun ? 'would free' : 'freed'} ${bytesText(freedBytes)}`);
  else if (removed.length === 0) output.line('There is nothing to clean.');
  return EXIT.ok;
}

async function optionsOf(context: Context): Promise<StoreOptions> {
  const source = ringSource(context);
  const { env } = context;
  return { env, keys: source && (await Keys.read(source)), patienceMs: PATIENCE_MS };
}

const identityOf = ({ id, place, ring }: Store): StoreJson => ({ store: id, place, ring });

/** Looks for the work in the repository at `repo`, or around the current folder; without one nothing is known to be merged. */
async function isMergedIn(repo: string | undefined): Promise<IsMerged> {
  const found = repo === undefined ? resolveRepository('.').catch(() => undefined) : resolveRepository(repo);
  const repository = await found;
  if (repository === undefined) return () => Promise.resolve(false);
  return async ({ base, head }) => (await branchWithWork(Git.at(repository), base, head)) !== undefined;
}

function objectJson({ key, record, problem, bytes, modifiedAt }: StoredObject): StoreObjectJson {
  const about = { key, bytes, at: modifiedAt.toISOString(), ...(problem !== undefined && { problem }) };
  if (record === undefined) return { kind: 'unreadable', ...about };
  const { kind, session, label } = record;
  const commit = 'commit' in record ? record.commit : 'head' in record ? record.head : undefined;
  return {
    kind,
    session,
    label,
    ...('run' in record && { run: record.run }),
    ...(commit !== undefined && { commit }),
    ...('commits' in record && { commits: record.commits }),
    ...about,
  };
}

function nameOf({ session, label, run, key }: StoreObjectJson): string {
  if (session === undefined || label === undefined) return key;
  return `${session}/${label}${run === undefined ? '' : `@${run}`}`;
}

function bySubagent(objects: readonly StoredObject[]): StoreStatusJson['subagents'] {
  const groups = new Map<string, StoredObject[]>();
  for (const object of objects) {
    const { record } = object;
    if (record === undefined) continue;
    const name = JSON.stringify([record.session, record.label]);
    groups.set(name, [...(groups.get(name) ?? []), object]);
  }
  return [...groups]
    .map(([name, own]) => {
      const [session = '', label = ''] = JSON.parse(name) as string[];
      const bytes = own.reduce((sum, each) => sum + each.bytes, 0);
      return { session, label, objects: own.length, bytes, oldest: oldestOf(own) ?? '' };
    })
    .sort((a, b) => b.bytes - a.bytes);
}

const oldestOf = (objects: readonly StoredObject[]): string | null =>
  objects
    .map(({ modifiedAt }) => modifiedAt.toISOString())
    .sort()
    .at(0) ?? null;
