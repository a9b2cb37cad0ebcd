/** The command line as it is packed: few files, and what a command does not need stays unread. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SubagentsError } from '../../src/contract/errors.ts';
import { MAIN, run } from './command.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiled = new URL('../../dist/src/contract/errors.js', import.meta.url).href;

/** The files that a bundle reads before its first line runs, and their text. */
async function readAtStart(path: string, found = new Map<string, string>()): Promise<Map<string, string>> {
  const text = await readFile(path, 'utf8');
  found.set(path, text);
  for (const [, relative = ''] of text.matchAll(/(?:from|import)\s*"(\.\/[\w-]+\.js)"/g)) {
    const imported = resolve(dirname(path), relative);
    if (!found.has(imported)) await readAtStart(imported, found);
  }
  return found;
}

it('a command starts with few files, and without Temporal’s client', async () => {
  const files = await readAtStart(MAIN);
  expect([...files.keys()].map((path) => path.slice(dirname(MAIN).length + 1)).sort()).toEqual([
    'chunk-rolldown-runtime.js',
    'chunk-start.js',
    'main.bundle.js',
  ]);
  expect([...files.values()].join('\n')).not.toContain('getWorkflowExecutionHistory');
});

it('no file of it says where it was built', async () => {
  const folder = dirname(MAIN);
  const names = (await readdir(folder)).filter((name) => /^(main\.bundle|chunk-.*)\.js$/.test(name));
  expect(names).toContain('chunk-client.js');
  for (const name of names) expect(await readFile(join(folder, name), 'utf8'), name).not.toContain(root);
});

it('an error of the worker, which is not in the bundle, is told as the one that it is', async () => {
  const { SubagentsError: Copy } = (await import(compiled)) as { SubagentsError: typeof SubagentsError };
  expect(Copy).not.toBe(SubagentsError);
  expect(new Copy('LIMIT', 'too many')).toBeInstanceOf(SubagentsError);
  expect(new Error('too many')).not.toBeInstanceOf(SubagentsError);

  const home = await mkdtemp(join(tmpdir(), 'subagents-bundle-'));
  try {
    const { exitCode, stderr } = await run(['worker', '--address', '127.0.0.1:1', '--json'], { home });
    expect(JSON.parse(stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({
      error: { code: 'TEMPORAL_UNREACHABLE' },
    });
    expect(exitCode).toBe(3);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
