import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { cacheFolder, ensureTemporalBinary } from '../../src/temporal/binary.ts';
import { downloadWithSdk } from '../../src/temporal/binary-sources.ts';
import { startChild } from '../support/child.ts';
import { checkProgram } from '../../src/cli/doctor/temporal.ts';
import { temporaryFolder } from '../support/home.ts';

/** The program that this machine has; see global-setup.ts. */
const real = process.env['SUBAGENTS_TEMPORAL_PATH'] ?? '';
const quiet = () => undefined;

/** A machine without anything: no PATH, no cache, and a proxy that nobody runs. */
function bareEnvironment(folder: string): Record<string, string> {
  return { PATH: join(folder, 'bin'), HOME: folder, HTTPS_PROXY: 'http://127.0.0.1:9' };
}

async function onPath(folder: string, script: string): Promise<string> {
  const path = join(folder, 'bin', 'temporal');
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(path, script);
  await chmod(path, 0o755);
  return path;
}

describe('what is there is used', () => {
  test('named by SUBAGENTS_TEMPORAL_PATH, or refused by that name', async () => {
    const named = (path: string) =>
      ensureTemporalBinary({ onProgress: quiet, env: { SUBAGENTS_TEMPORAL_PATH: path } });
    expect(await named(real)).toEqual({ path: real, source: 'SUBAGENTS_TEMPORAL_PATH' });
    await expect(named('/nowhere/temporal')).rejects.toMatchObject({
      code: 'TEMPORAL_MISSING',
      message: expect.stringContaining('SUBAGENTS_TEMPORAL_PATH names /nowhere/temporal') as string,
    });
  });

  test('on PATH, without the user’s TEMPORAL_* variables', async () => {
    await using folder = await temporaryFolder();
    const script = `#!/bin/sh\n[ -z "$TEMPORAL_ADDRESS" ] && exec '${real}' "$@"\n`;
    const path = await onPath(folder.path, script);
    const env = { ...bareEnvironment(folder.path), TEMPORAL_ADDRESS: 'company.example:7233' };
    expect(await ensureTemporalBinary({ onProgress: quiet, env })).toEqual({
      path,
      source: 'temporal on PATH',
    });
  });

  test('from our cache, when PATH has one that is broken', async () => {
    await using folder = await temporaryFolder();
    await onPath(folder.path, '#!/bin/sh\nexit 3\n');
    const env = bareEnvironment(folder.path);
    const path = join(cacheFolder(env), 'temporal');
    await mkdir(cacheFolder(env), { recursive: true });
    await execa('ln', ['-s', real, path]);
    expect(await ensureTemporalBinary({ onProgress: quiet, env })).toEqual({
      path,
      source: 'the cache of subagents',
    });
  });
});

test('when nothing works the error names every way, why it failed, and its remedy', async () => {
  await using folder = await temporaryFolder();
  await onPath(folder.path, '#!/bin/sh\necho "temporal version 1.1.0 (Server 1.25.0, UI 2.30.0)"\n');
  const env = bareEnvironment(folder.path);
  expect(await checkProgram(env)).toMatchObject({
    result: 'warn',
    detail: expect.stringMatching(
      /bin\/temporal is not used: its server is 1\.25, older than 1\.29$/,
    ) as string,
  });
  const lines: string[] = [];
  const error: unknown = await ensureTemporalBinary({ onProgress: (line) => lines.push(line), env }).catch(
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'TEMPORAL_MISSING' });
  const said = String(error).split('\n').slice(1);
  expect(said).toHaveLength(8);
  expect(said[0]).toMatch(/bin\/temporal: its server is 1\.25, older than 1\.29$/);
  expect(said[2]).toMatch(
    /\.cache\/durable-subagents\/temporal-1\.5\.1\/temporal: missing or not executable/,
  );
  expect(said[4]).toMatch(/download from https:\/\/temporal\.download: .*refused/);
  expect(said[6]).toMatch(/go install .*@v1\.5\.1: no `go` on PATH/);
  for (const index of [1, 3, 5, 7]) expect(said[index]).toMatch(/^ {2}remedy: \S/);
  expect(lines.some((line) => line.startsWith('downloading the Temporal server'))).toBe(true);
  // Nothing half-done stays, and the next one may try.
  expect(await readdir(cacheFolder(env))).toEqual(['lock']);
  // The file that the system's lock is on; nobody has it.
  expect(await readdir(join(cacheFolder(env), 'lock'))).toEqual(['os-lock']);
});

test('a download that a firewall swallows is given up', async () => {
  await using folder = await temporaryFolder();
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  try {
    const download = downloadWithSdk.get({
      folder: folder.path,
      env: { ...bareEnvironment(folder.path), HTTPS_PROXY: `http://127.0.0.1:${port}` },
      onProgress: quiet,
    });
    await expect(download).rejects.toThrow(/the download stalled for 15 s/);
  } finally {
    silent.close();
  }
});

describe('two processes at once', () => {
  test('one gets it while the other waits and says so; then both have it', async () => {
    await using folder = await temporaryFolder();
    await using first = startChild(import.meta.url, 'children/obtain-once.ts', [folder.path, real]);
    await first.line(/^getting$/);
    await using second = startChild(import.meta.url, 'children/obtain-once.ts', [folder.path, real]);
    await second.line(new RegExp(`^progress: another process \\(${first.pid}\\) is installing`));
    first.say('go');
    await first.line(/from copy$/);
    await second.line(/from the cache of subagents$/);
    expect(second.lines).not.toContain('getting');
  });

  test('the one that waits goes on by itself when the first is killed', async () => {
    await using folder = await temporaryFolder();
    await using first = startChild(import.meta.url, 'children/obtain-once.ts', [folder.path, real]);
    await first.line(/^getting$/);
    await using second = startChild(import.meta.url, 'children/obtain-once.ts', [folder.path, real]);
    await second.line(/^progress: another process/);
    await first.kill();
    await second.line(/^getting$/);
    second.say('go');
    await second.line(/from copy$/);
    expect((await readdir(folder.path)).sort()).toEqual(['lock', 'temporal']);
  });
});
