/** What only a worker needs is not asked for by anything that a client loads. */
import { readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkPackages } from '../../src/checks/machine.ts';
import {
  DOWNLOAD_PACKAGE,
  packagesInstallCommand,
  missingPackages,
  requirePackages,
  WORKER_PACKAGES,
} from '../../src/system/optional-packages.ts';
import { filesOf } from '../docs/documents.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { optionalDependencies } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as {
  optionalDependencies: Record<string, string>;
};

const LOADED = /^(?:import|export)\s(?!type\s)(?:[^;'"]*?\sfrom\s)?'(?<name>[^']+)'/gm;
const known = new Map<string, readonly string[]>();

/** What a module imports when it is loaded: neither types, nor what is imported in the course of a call. */
function importsOf(path: string): readonly string[] {
  const names =
    known.get(path) ??
    [...readFileSync(resolve(ROOT, path), 'utf8').matchAll(LOADED)].map(
      ({ groups }) => groups?.['name'] ?? '',
    );
  known.set(path, names);
  return names;
}

/** The packages that a module brings along, each with the way there. */
function packagesOf(entry: string): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const seen = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const name of importsOf(path)) {
      // Projects that we write as texts import files of their own.
      if (name.startsWith('.') && !name.endsWith('.ts')) continue;
      if (name.startsWith('.')) visit(relative(ROOT, resolve(ROOT, path, '..', name)), [...way, path]);
      else if (!found.has(name)) found.set(name, [...way, path]);
    }
  };
  visit(entry, []);
  return found;
}

describe('without optional packages', () => {
  const entries = [
    'src/client/index.ts',
    'src/cli/main.ts',
    'src/tools/index.ts',
    ...filesOf('src/cli/commands', '.ts'),
    ...filesOf('src/mcp', '.ts'),
  ];
  it.each(entries)('%s can be loaded', (entry) => {
    const asked = [...packagesOf(entry)].filter(([name]) =>
      Object.keys(optionalDependencies).some((each) => name === each || name.startsWith(`${each}/`)),
    );
    expect(asked).toEqual([]);
  });

  it('a worker cannot, as this test would see', () => {
    const packages = [...packagesOf('src/worker/main.ts').keys()];
    expect(packages).toEqual(expect.arrayContaining([...WORKER_PACKAGES]));
  });
});

describe('a package that is missing', () => {
  it('is told from one that is installed', () => {
    expect(missingPackages(Object.keys(optionalDependencies))).toEqual([]);
    expect(missingPackages(['zod', '@nobody/nothing'])).toEqual(['@nobody/nothing']);
  });

  it('is named, with why it may be missing and what to do', () => {
    expect(() => requirePackages('a worker', ['zod'])).not.toThrow();
    expect(() => requirePackages('a worker', ['@nobody/a', '@nobody/b', '@nobody/c'])).toThrow(
      expect.objectContaining({
        code: 'PACKAGE_MISSING',
        message: expect.stringMatching(
          /^a worker cannot start: the packages @nobody\/a, @nobody\/b, and @nobody\/c are not installed \(.*--omit=optional.*installation fails\)$/,
        ) as unknown,
        remedy: `cd ${ROOT.slice(0, -1)} && npm install --include=optional`,
      }),
    );
  });

  it('is got where this package is installed: a clone, a project, or for all', () => {
    expect(packagesInstallCommand('/src/durable-subagents')).toContain('cd /src/durable-subagents && ');
    expect(packagesInstallCommand(`${ROOT}node_modules/durable-subagents`)).toContain(
      `cd ${ROOT.slice(0, -1)} && `,
    );
    expect(packagesInstallCommand('/opt/lib/node_modules/durable-subagents')).toContain(
      'npm install --global ',
    );
  });

  it('fails the check of doctor; the one for a download alone only warns', () => {
    expect(checkPackages([])).toMatchObject({ result: 'ok' });
    expect(checkPackages([DOWNLOAD_PACKAGE])).toMatchObject({ result: 'warn' });
    expect(checkPackages([...WORKER_PACKAGES])).toMatchObject({
      result: 'fail',
      detail: expect.stringContaining(
        '@temporalio/worker and @github/copilot-sdk are not installed',
      ) as unknown,
    });
  });
});
