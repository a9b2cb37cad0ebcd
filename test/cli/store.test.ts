/** `subagents store`: made, looked at and cleaned from a terminal. */
import { readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Keys } from '../../src/keys/keys.ts';
import { homeRingPath } from '../../src/keys/key-source.ts';
import { makeHomeRing } from '../../src/keys/ring-file.ts';
import { Store } from '../../src/store/store.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { accepted, bytes, result, upload } from '../support/store.ts';
import { run } from './command.ts';
import { objections } from './published.ts';

let folder: TemporaryFolder;
let repository: Repository;
let home: string;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  repository = await temporaryRepository({ 'a.txt': 'a' });
  home = join(folder.path, 'home');
  env = { ...NO_GIT_CONFIGURATION, SUBAGENTS_STORE: join(folder.path, 'store') };
  makeHomeRing(home, 'refused');
});
afterAll(async () => {
  await repository?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** What a command prints with --json, which fits its schema. */
async function answer(...words: string[]): Promise<unknown> {
  const { stdout, stderr, exitCode } = await run(['store', ...words, '--json'], {
    home,
    env,
    cwd: repository.path,
  });
  expect({ stderr, exitCode }, stdout).toEqual({ stderr: '', exitCode: 0 });
  expect(objections(`store-${words[0]}`, stdout)).toEqual([]);
  return JSON.parse(stdout);
}
const shown = async (...words: string[]) => run(['store', ...words], { home, env, cwd: repository.path });

it('is made once, filled, shown, and cleaned of what is merged', async () => {
  const before = await shown('status');
  expect(before.exitCode).toBe(2);
  expect(before.stderr).toContain('subagents store init');
  const { store: id } = (await answer('init')) as { store: string };
  const again = await shown('init');
  expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining('there is a store already')]);
  expect(await answer('status')).toMatchObject({ store: id, objects: 0, oldest: null, subagents: [] });

  const keys = await Keys.read({ kind: 'file', path: homeRingPath(home) });
  const store = (await Store.open({ env, keys }))!;
  const base = await repository.git('rev-parse', 'HEAD');
  await repository.git('checkout', '-qb', 'subagents/fix');
  await repository.git('commit', '-qm', 'Work', '--allow-empty');
  const head = await repository.git('rev-parse', 'HEAD');
  await repository.git('checkout', '-q', '-');
  await store.put(upload('u'), bytes(5_000_000));
  await store.put(accepted('u', 'run-1'), []);
  await store.put({ ...result('run-1', 1), base, head }, bytes(300));
  await store.put(result('run-2', 2), bytes(300));

  expect(await answer('status')).toMatchObject({
    objects: 4,
    unreadable: 0,
    subagents: [{ session: 'default', label: 'fix', objects: 4 }],
  });
  expect((await shown('list')).stdout).toMatch(/KIND .*SUBAGENT[^]*upload +default\/fix/);
  // The branch of the subagent itself is no merge.
  expect(await answer('clean', '--dry-run')).toMatchObject({
    dryRun: true,
    removed: expect.arrayContaining([
      expect.objectContaining({ kind: 'upload' }),
      expect.objectContaining({ kind: 'accepted' }),
    ]) as unknown,
  });
  await repository.git('merge', '-q', 'subagents/fix');
  const cleaned = (await answer('clean')) as { kept: readonly object[]; freedBytes: number };
  expect(cleaned.kept).toEqual([
    expect.objectContaining({ kind: 'result', why: '2 commits are not known to be merged' }),
  ]);
  expect(cleaned.freedBytes).toBeGreaterThan(5_000_000);
  expect((await shown('clean')).stdout).toContain('kept result default/fix@1');

  const [name = ''] = await readdir(join(env['SUBAGENTS_STORE']!, 'runs'));
  await truncate(join(env['SUBAGENTS_STORE']!, 'runs', name), 50);
  expect(await answer('list')).toMatchObject({
    objects: [{ kind: 'unreadable', problem: expect.any(String) as string }],
  });
  expect(await answer('clean')).toMatchObject({ kept: [{ kind: 'unreadable' }], removed: [] });
});

it('says what is missing: no setting, no keys', async () => {
  const of = async (more: Readonly<Record<string, string>>) => {
    const { stderr } = await run(['store', 'list', '--json'], { home, env: { ...env, ...more } });
    return (JSON.parse(stderr) as { error: { code: string } }).error.code;
  };
  expect(await of({ SUBAGENTS_STORE: '' })).toBe('NO_STORE');
  expect(await of({ SUBAGENTS_STORE: 'relative' })).toBe('BAD_INPUT');
  expect(await of({ SUBAGENTS_KEYS: 'off' })).toBe('KEYS_UNREADABLE');
  await rm(join(env['SUBAGENTS_STORE']!, 'store.json'));
  expect(await of({})).toBe('NO_STORE');
});
