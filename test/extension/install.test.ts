import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failureJson, installJson } from '../../src/cli/json.ts';
import { run } from '../cli/command.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { temporaryRepository } from '../support/repository.ts';

let folder: TemporaryFolder;
let file: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, 'copilot/extensions/durable-subagents/extension.mjs');
});
afterEach(async () => await folder[Symbol.asyncDispose]());

const subagents = (args: readonly string[], cwd?: string) =>
  run([...args, '--json'], {
    home: join(folder.path, 'home'),
    env: { COPILOT_HOME: join(folder.path, 'copilot') },
    ...(cwd !== undefined && { cwd }),
  });
const changed = async (command: string): Promise<string> => {
  const { stdout } = await subagents([command, 'copilot']);
  const { change, path, scope } = installJson.parse(JSON.parse(stdout));
  expect({ path, scope }).toEqual({ path: file, scope: 'user' });
  return change;
};
/** Both commands refuse, with the reason, and leave `path` as it is. */
const leavesAlone = async (path: string): Promise<void> => {
  const before = readFileSync(path, 'utf8');
  for (const command of ['install', 'uninstall']) {
    const { exitCode, stderr } = await subagents([command, 'copilot']);
    expect(exitCode).toBe(1);
    expect(failureJson.parse(JSON.parse(stderr)).error).toMatchObject({ code: 'NOT_OURS' });
    expect(readFileSync(path, 'utf8')).toBe(before);
  }
};

describe('install and uninstall', () => {
  it('write and remove one file, and doing it twice changes nothing', async () => {
    expect(await changed('uninstall')).toBe('absent');
    expect(await changed('install')).toBe('written');
    expect(await changed('install')).toBe('unchanged');
    expect(readFileSync(file, 'utf8')).toMatch(/^\/\/ Written by `subagents install copilot`/);
    expect(await changed('uninstall')).toBe('removed');
    expect(existsSync(dirname(file))).toBe(false);
  });

  it('bring a file of another version up to date', async () => {
    await changed('install');
    // One that was installed from elsewhere.
    const { launcherText } = await import('../../src/extension/launcher.ts');
    writeFileSync(file, launcherText({ main: '/elsewhere/main.js', node: '/elsewhere/node' }));
    expect(await changed('install')).toBe('updated');
    expect(readFileSync(file, 'utf8')).not.toContain('/elsewhere');
  });

  it('write the path down as it is', async () => {
    const { launcherText } = await import('../../src/extension/launcher.ts');
    const location = { main: '/home/u/a$&b/$$c/main.js', node: "/home/u/$'/node" };
    expect(launcherText(location)).toContain(`const LOCATION = ${JSON.stringify(location)};`);
  });

  it('leave a file alone that somebody has changed, and one that we never wrote', async () => {
    await changed('install');
    writeFileSync(file, `${readFileSync(file, 'utf8')}// mine\n`);
    await leavesAlone(file);
    writeFileSync(file, 'export {};\n');
    await leavesAlone(file);
  });

  it('leave alone what a symbolic link points to, and files beside ours', async () => {
    const elsewhere = join(folder.path, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'extension.mjs'), 'export {};\n');
    mkdirSync(dirname(dirname(file)), { recursive: true });
    symlinkSync(elsewhere, dirname(file));
    await leavesAlone(join(elsewhere, 'extension.mjs'));
  });

  it('keep a folder in which there is something else', async () => {
    await changed('install');
    writeFileSync(join(dirname(file), 'notes.md'), 'mine\n');
    expect(await changed('uninstall')).toBe('removed');
    expect(readFileSync(join(dirname(file), 'notes.md'), 'utf8')).toBe('mine\n');
  });

  it('write nothing of this machine into a repository', async () => {
    await using repository = await temporaryRepository();
    const { stdout } = await subagents(['install', 'copilot', '--project'], repository.path);
    const { path, scope, change } = installJson.parse(JSON.parse(stdout));
    expect({ scope, change }).toEqual({ scope: 'project', change: 'written' });
    expect(path).toBe(join(repository.path, '.github/extensions/durable-subagents/extension.mjs'));
    const text = readFileSync(path, 'utf8');
    for (const here of [process.cwd(), process.execPath, folder.path]) expect(text).not.toContain(here);
    expect(text).toContain('const LOCATION = null;');
  });

  it('refuse other clients, and folders in no repository', async () => {
    const other = await subagents(['install', 'vscode']);
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toContain('subagents mcp');
    expect((await subagents(['install', 'copilot', '--project'], folder.path)).exitCode).toBe(2);
  });
});
