/** `subagents keys`, as a user makes, changes, loses and replaces keys. */
import { cpSync, existsSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { failureJson, keysJson, keysUsageJson, listJson, workersJson } from '../../src/cli/json.ts';
import { newRing, ringText } from '../../src/keys/key-ring.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { startScriptedModel, type ScriptedModel } from '../support/model.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { run, type Surroundings } from './command.ts';
import { objections } from './published.ts';

let folder: TemporaryFolder;
let model: ScriptedModel;
let repository: Repository;
beforeAll(async () => {
  folder = await temporaryFolder();
  repository = await temporaryRepository({ 'a.txt': 'a' });
  model = await startScriptedModel([{ when: () => true, steps: [{ text: 'Said.' }] }]);
});
afterAll(async () => {
  for (const home of ['new', 'old', 'lost']) await run(['down', '--now'], surroundings(home));
  await model?.stop();
  await repository?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const surroundings = (home: string, env: Record<string, string> = {}): Surroundings => ({
  home: join(folder.path, home),
  env: { ...model.env, ...NO_GIT_CONFIGURATION, HOME: folder.path, ...env },
  cwd: repository.path,
});

/** Runs a command with `--json` that succeeds, and gives what it printed, which its published schema describes. */
async function ok<T extends z.ZodType>(schema: T, home: string, ...args: string[]): Promise<z.output<T>> {
  const { exitCode, stdout, stderr } = await run([...args, '--json'], surroundings(home));
  expect(exitCode, stderr).toBe(0);
  if (args[0] === 'keys') {
    const name = args.slice(0, 2).filter((word) => !word.startsWith('-'));
    expect(objections(name.join('-'), stdout)).toEqual([]);
  }
  return schema.parse(JSON.parse(stdout));
}
async function done(home: string, ...args: string[]): Promise<void> {
  await doneWith({}, home, ...args);
}
async function doneWith(env: Record<string, string>, home: string, ...args: string[]): Promise<void> {
  const { exitCode, stderr } = await run(args, surroundings(home, env));
  expect(exitCode, stderr).toBe(0);
}
async function refused(home: string, ...args: string[]) {
  const { exitCode, stderr } = await run([...args, '--json'], surroundings(home));
  expect(exitCode).not.toBe(0);
  return failureJson.parse(JSON.parse(stderr.trim().split('\n').at(-1) ?? '')).error;
}
const ringPath = (home: string) => join(folder.path, home, 'keys.json');

describe('a new home', () => {
  it('encrypts from its first start on, and what is under which key can be asked', async () => {
    const none = await ok(keysJson, 'new', 'keys');
    expect(none).toEqual({ source: null, ring: null, plain: null, keys: [] });
    expect(await refused('new', 'keys', 'rotate')).toMatchObject({ code: 'KEYS_UNREADABLE' });
    await done('new', 'up', '--detach');
    const made = await ok(keysJson, 'new', 'keys');
    expect(made).toMatchObject({ plain: 'refused', keys: [{ use: 'encrypts' }] });
    expect(statSync(ringPath('new')).mode & 0o777).toBe(0o600);
    await done('new', 'spawn', 'one', 'Say it.', '--wait');
    const first = made.keys[0]!.id;
    const usage = await ok(keysUsageJson, 'new', 'keys', 'usage');
    expect(usage.plain).toEqual({ open: 0, closed: 0 });
    expect(usage.keys).toEqual([{ id: first, known: true, open: 1, closed: 1 }]);
  });

  it('gets a new key while it runs: prepared first, then in use', async () => {
    const first = (await ok(keysJson, 'new', 'keys')).keys[0]!.id;
    const prepared = await ok(keysJson, 'new', 'keys', 'rotate', '--prepare');
    const second = prepared.keys[1]!.id;
    expect(prepared.keys.map(({ id, use }) => [id, use])).toEqual([
      [first, 'encrypts'],
      [second, 'prepared'],
    ]);
    const rotated = await ok(keysJson, 'new', 'keys', 'rotate');
    expect(rotated.keys.map(({ use }) => use)).toEqual(['decrypts', 'encrypts']);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await done('new', 'spawn', 'two', 'Say it.', '--wait');
    const usage = await ok(keysUsageJson, 'new', 'keys', 'usage');
    expect(usage.keys).toMatchObject([
      { id: first, open: 1 },
      { id: second, open: 1, closed: 1 },
    ]);
    // The worker shows itself under the new key, too: what it was shown under is not read any more.
    await eventually(async () => {
      const { workers } = await ok(workersJson, 'new', 'workers');
      return workers.length === 1 && workers[0]?.key === second;
    });
    expect(await refused('new', 'keys', 'remove', second)).toMatchObject({ code: 'BAD_INPUT' });
    expect(await refused('new', 'keys', 'remove', first)).toMatchObject({
      code: 'STILL_LIVE',
      remedy: expect.stringContaining('never be read again') as string,
    });
  });

  it('can be backed up, and goes on with the copy', async () => {
    const { stdout } = await run(['keys', 'backup'], surroundings('new'));
    await done('new', 'down');
    expect(await refused('new', 'keys', 'init')).toMatchObject({ code: 'BAD_INPUT' });
    renameSync(ringPath('new'), `${ringPath('new')}.lost`);
    const lost = await refused('new', 'up', '--detach');
    expect(lost).toMatchObject({ code: 'KEY_MISSING' });
    expect(lost.message).toMatch(
      /key ring r-[0-9a-f]{8}, and none was found.*branches.*not encrypted and stay/,
    );
    writeFileSync(ringPath('new'), ringText(newRing('refused')), { mode: 0o600 });
    expect(await refused('new', 'up', '--detach')).toMatchObject({
      code: 'KEY_MISSING',
      message: expect.stringMatching(/keys.json has the ring r-/) as string,
    });
    writeFileSync(ringPath('new'), stdout);
    await done('new', 'up', '--detach');
    const { stdout: shown } = await run(['show', 'one', '--json'], surroundings('new'));
    expect(shown).toContain('Said.');
  });

  it('says which messages a removed key takes along, and keeps the others', async () => {
    const [first] = (await ok(keysJson, 'new', 'keys')).keys;
    await ok(keysJson, 'new', 'keys', 'remove', first!.id, '--force');
    const usage = await ok(keysUsageJson, 'new', 'keys', 'usage');
    expect(usage.keys.find(({ id }) => id === first!.id)).toMatchObject({ known: false });
    const { stdout } = await run(['keys', 'usage'], surroundings('new'));
    expect(stdout).toContain('key missing: these cannot be read');
    const error = await refused('new', 'continue', 'one', 'Again.');
    expect(['KEY_MISSING', 'INTERNAL', 'TIMEOUT']).toContain(error.code);
    // The branch is no message.
    const { stdout: branches } = await run(['list', '--all', '--json'], surroundings('new'));
    expect(listJson.parse(JSON.parse(branches)).sessions.length).toBeGreaterThan(0);
  });
});

describe('a home whose keys are lost for good', () => {
  it('begins anew', async () => {
    await ok(keysJson, 'lost', 'keys', 'init');
    await done('lost', 'up', '--detach');
    await done('lost', 'spawn', 'one', 'Say it.', '--wait');
    await done('lost', 'down');
    renameSync(ringPath('lost'), `${ringPath('lost')}.gone`);
    const made = await ok(keysJson, 'lost', 'keys', 'init', '--anew');
    expect(made.keys.length).toBe(1);
    await done('lost', 'up', '--detach');
    await done('lost', '--session', 'fresh', 'spawn', 'two', 'Say it.', '--wait');
    // The server knows the new ring by now.
    await done('lost', 'down');
    await done('lost', 'up', '--detach');
  });
});

describe('a home with subagents from before its first key', () => {
  it('reads them, and refuses plain messages once none of them is open', async () => {
    await doneWith({ SUBAGENTS_KEYS: 'off' }, 'old', 'up', '--detach');
    await done('old', 'spawn', 'before', 'Say it.', '--wait');
    await done('old', 'down');
    // It stays as it is.
    await done('old', 'up', '--detach');
    expect(existsSync(ringPath('old'))).toBe(false);
    expect(await refused('old', 'keys', 'init')).toMatchObject({ code: 'HOME_BUSY' });
    await done('old', 'down');
    expect(await ok(keysJson, 'old', 'keys', 'init')).toMatchObject({ plain: 'read' });
    await done('old', 'up', '--detach');
    await done('old', 'spawn', 'after', 'Say it.', '--wait');
    const { stdout } = await run(['show', 'before', '--json'], surroundings('old'));
    expect(stdout).toContain('Said.');
    // Its session is open, and was plain: it is continued as new, encrypted.
    expect(await ok(keysJson, 'old', 'keys', 'require')).toMatchObject({ plain: 'refused' });
    const usage = await ok(keysUsageJson, 'old', 'keys', 'usage');
    expect(usage.plain).toMatchObject({ open: 0 });
    expect(usage.plain.closed).toBeGreaterThan(0);
    await done('old', 'spawn', 'final', 'Say it.', '--wait');
    expect(existsSync(ringPath('old'))).toBe(true);
  });
});

describe('a ring that is kept elsewhere', () => {
  it('is printed when it changes, for its owner to put there', async () => {
    cpSync(ringPath('old'), join(folder.path, 'team.json'));
    const env = { SUBAGENTS_KEYS: `command:cat '${join(folder.path, 'team.json')}'` };
    const { exitCode, stdout, stderr } = await run(['keys', 'rotate'], surroundings('none', env));
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ format: 1, keys: [{}, {}] });
    expect(stderr).toContain('nothing is changed until then');
  });
});
