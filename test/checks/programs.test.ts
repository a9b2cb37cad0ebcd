import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkPrograms } from '../../src/checks/programs.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  for (const name of ['npm', 'make', 'env', 'timeout', 'bash'])
    await writeFile(join(folder.path, name), '', { mode: 0o755 });
  await writeFile(join(folder.path, 'plain'), '');
  await chmod(join(folder.path, 'plain'), 0o644);
});
afterAll(() => folder[Symbol.asyncDispose]());

const check = (setup: readonly string[], verify: readonly string[]) =>
  checkPrograms({ setup, verify }, folder.path, async (path) => path === 'gradlew');

it.each([
  ['a program', ['npm test']],
  ['a file of the repository', ['./gradlew test']],
  ['what another program runs', ['env CI=1 timeout 5 make check']],
  ['what the shell does itself', ['cd web && test -f a.txt && echo done; [ -d b ]']],
  ['a function of the text', ['check() { make check; }; check']],
  ['what only the shell will know', ['"$TOOL" run']],
])('is content with %s', async (_what, verify) => {
  expect(await check([], verify)).toMatchObject({ result: 'ok' });
});

it.each([
  ['a program', [], ['cargo test'], 'cargo (of `cargo test`)'],
  ['a file that may not be run', [], ['plain'], 'plain (of `plain`)'],
  ['a file that the repository lacks', [], ['./mvnw verify'], './mvnw (of `./mvnw verify`)'],
  [
    'one behind another',
    [],
    ['npm test && env A=1 pytest -q'],
    'pytest (of `npm test && env A=1 pytest -q`)',
  ],
  ['one in a text within', [], ['bash -c "ruff check"'], 'ruff'],
  ['the first of set-up', ['uv sync'], ['npm test'], 'uv (of `uv sync`)'],
])('fails for %s that is missing', async (_what, setup, verify, detail) => {
  expect(await check(setup, verify)).toMatchObject({
    result: 'fail',
    detail: expect.stringContaining(detail) as string,
  });
});

it('only warns of what set-up may install', async () => {
  expect(await check(['npm ci'], ['vitest run'])).toMatchObject({
    result: 'warn',
    detail: 'not there before set-up: vitest (of `vitest run`)',
  });
});
