/** What gets onto a machine with the package, into the image and out of a release. `npm run check:package` installs it all. */
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { checkFollowsLock, checkLicences, checkVulnerabilities } from '../../scripts/dependencies.mjs';
import { imageBuild } from '../../scripts/image.mjs';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await folder[Symbol.asyncDispose]();
});

interface Locked {
  readonly version: string;
  readonly license?: string;
  readonly dev?: true;
  readonly optional?: true;
}

/** Writes package.json, and a lock file with these packages. */
async function lock(packages: Readonly<Record<string, Locked>>): Promise<void> {
  const dependencies = Object.fromEntries(
    Object.entries(packages).map(([path, { version }]) => [path.replace('node_modules/', ''), version]),
  );
  const own = { name: 'shop', version: '1.0.0', dependencies };
  await writeFile(join(folder.path, 'package.json'), JSON.stringify(own));
  const content = { ...own, lockfileVersion: 3, packages: { '': own, ...packages } };
  await writeFile(join(folder.path, 'package-lock.json'), JSON.stringify(content));
}

describe('licences', () => {
  it('of our packages are allowed', async () => {
    expect(await checkLicences(ROOT)).toBeGreaterThan(200);
  });

  it.each([
    ['GPL-3.0-only', 'GPL-3.0-only'],
    ['(MIT OR GPL-3.0-only)', '(MIT OR GPL-3.0-only)'],
    [undefined, 'its package.json names none'],
  ])('of which one is %s are refused, with its package', async (license, said) => {
    await lock({
      'node_modules/free': { version: '1.0.0', license: 'MIT' },
      'node_modules/@scope/copy-left': { version: '2.1.0', ...(license !== undefined && { license }) },
    });
    await expect(checkLicences(folder.path)).rejects.toThrow(`@scope/copy-left 2.1.0: ${said}`);
    await expect(checkLicences(folder.path)).rejects.not.toThrow('free 1.0.0');
  });

  it('do not matter of what only development needs', async () => {
    await lock({ 'node_modules/tool': { version: '1.0.0', license: 'GPL-3.0-only', dev: true } });
    expect(await checkLicences(folder.path)).toBe(0);
  });
});

describe('vulnerabilities', () => {
  async function withRegistry(status: number, body: object): Promise<string> {
    await lock({ 'node_modules/leaky': { version: '1.0.0' } });
    const registry = createServer((request, answer) => {
      request.resume();
      // npm asks for the versions of a package that an advisory names.
      const versions = { name: 'leaky', versions: { '1.0.0': { name: 'leaky', version: '1.0.0' } } };
      answer
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify(request.method === 'POST' ? body : versions));
    }).listen(0, '127.0.0.1');
    await once(registry, 'listening');
    vi.stubEnv('npm_config_registry', `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`);
    vi.stubEnv('npm_config_cache', join(folder.path, 'cache'));
    vi.stubEnv('npm_config_fetch_retries', '0');
    try {
      return await checkVulnerabilities(folder.path);
    } finally {
      registry.close();
      registry.closeAllConnections();
    }
  }

  it('that are known are named', async () => {
    const advisory = { id: 1, url: 'https://example.com', title: 'It leaks', severity: 'high' };
    const leaky = [{ ...advisory, vulnerable_versions: '<2.0.0', cwe: [], cvss: { score: 7 } }];
    await expect(withRegistry(200, { leaky })).rejects.toThrow('leaky *: high');
  });

  it('are said not to be there', async () => {
    expect(await withRegistry(200, {})).toBe('no known vulnerability in 1 packages');
  });

  it('that a registry says nothing of are not said to be absent', async () => {
    expect(await withRegistry(405, { error: 'Method Not Allowed' })).toMatch(/^NOT CHECKED .*405/);
  });
});

describe('an installation', () => {
  async function install(version: string): Promise<void> {
    await lock({
      'node_modules/here': { version: '1.0.0' },
      'node_modules/maybe': { version: '1.0.0', optional: true },
    });
    const modules = join(folder.path, 'node_modules');
    await mkdir(join(modules, 'here'), { recursive: true });
    await writeFile(join(modules, 'here', 'package.json'), JSON.stringify({ version }));
    const packages = { 'node_modules/here': { version } };
    await writeFile(join(modules, '.package-lock.json'), JSON.stringify({ packages }));
  }

  it('that follows the lock file passes', async () => {
    await install('1.0.0');
    expect(await checkFollowsLock(folder.path)).toBe(1);
  });

  it('with another version, or without a package, does not', async () => {
    await install('1.0.1');
    await expect(checkFollowsLock(folder.path)).rejects.toThrow('node_modules/here 1.0.1, not 1.0.0');
    await lock({ 'node_modules/here': { version: '1.0.1' }, 'node_modules/gone': { version: '1.0.0' } });
    await expect(checkFollowsLock(folder.path)).rejects.toThrow('node_modules/gone is missing');
  });
});

describe('the package', () => {
  const { scripts, dependencies, optionalDependencies } = JSON.parse(read('package.json')) as Record<
    string,
    Record<string, string>
  >;

  it('needs no install script, and names exact versions', () => {
    for (const name of ['preinstall', 'install', 'postinstall']) expect(scripts).not.toHaveProperty(name);
    for (const version of Object.values({ ...dependencies, ...optionalDependencies }))
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe('the image', () => {
  it('is built from files that have no secret in them', async () => {
    const { files } = await imageBuild(ROOT, {});
    expect(files).toEqual(expect.arrayContaining(['package-lock.json', 'src', 'workflows', 'activities']));
    for (const kept of ['.', '.git', '.env', 'repositories', 'node_modules', 'dist', 'keys-backup.json'])
      expect(files).not.toContain(kept);
    expect(read('.dockerignore').split('\n')).toEqual(expect.arrayContaining(['**/.env*', '**/keys*.json']));
  });

  it('gets its packages from the lock file, in a stage whose cache it does not have', async () => {
    const { commands } = await imageBuild(ROOT, {});
    expect(commands.join('\n')).toMatch(/npm ci .*\n.*npm run pack\n.*npm ci /);
    const dockerfile = read('Dockerfile');
    expect(dockerfile).not.toMatch(/npm (install|i|add)\b/);
    expect(dockerfile.slice(dockerfile.lastIndexOf('FROM '))).not.toMatch(/\bnpm\b/);
  });
});

interface Workflow {
  readonly permissions: object;
  readonly jobs: Readonly<
    Record<string, { permissions?: object; needs?: string; steps: { uses?: string; run?: string }[] }>
  >;
}

describe.each(['ci', 'release'])('the workflow %s', (name) => {
  const { permissions, jobs } = parse(read(`.github/workflows/${name}.yml`)) as Workflow;

  it('may only read, and runs the actions of a commit', () => {
    expect(permissions).toEqual({ contents: 'read' });
    const actions = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []));
    expect(actions.length).toBeGreaterThan(2);
    for (const action of actions) expect(action).toMatch(/^actions\/[a-z-]+@[0-9a-f]{40}$/);
  });

  it('publishes with provenance and a list of parts, after all checks', () => {
    if (name === 'ci') return expect(JSON.stringify(jobs)).not.toMatch(/publish|secrets/);
    const { check, publish } = jobs;
    const lines = (job: typeof check): string => job?.steps.map(({ run }) => run).join('\n') ?? '';
    expect(lines(check)).toMatch(
      /\.ci\/run\n.*npm run check:package\n.*npm audit --omit=dev\n.*npm audit signatures/s,
    );
    expect(check?.permissions).toBeUndefined();
    expect(publish).toMatchObject({ needs: 'check', permissions: { 'id-token': 'write' } });
    expect(lines(publish)).toMatch(
      /npm sbom --sbom-format cyclonedx .*--omit dev.*npm publish .*--provenance/s,
    );
  });
});
