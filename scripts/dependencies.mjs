// What the packages that we install with ours are: their licences, known vulnerabilities, and whether they are those of the lock file.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** The licences that a package may have, as its package.json names them. Add one after somebody has read it. */
const LICENCES = new Set([
  ...['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT', 'Unlicense'],
  'Apache-2.0 AND MIT',
]);
/** Packages with another licence, or with none in their package.json, that we use nevertheless. */
const EXCEPTIONS = [
  // What we are made for: its user has accepted its terms.
  { names: /^@github\/copilot(-[a-z0-9-]+)?$/, licence: 'SEE LICENSE IN LICENSE.md' },
  // Data, with the name of its source.
  { names: /^caniuse-lite$/, licence: 'CC-BY-4.0' },
  // The Unlicense, in its LICENSE file.
  { names: /^unionfs$/, licence: undefined },
];

/** The packages of a lock file that are installed with ours: the path of each, and its entry. */
async function production(folder) {
  const { packages } = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev);
}

const nameOf = (path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** Fails, and names them, if packages of the lock file in `folder` have a licence that is not allowed. Returns how many were read. */
export async function checkLicences(folder) {
  const packages = await production(folder);
  const refused = packages.flatMap(([path, { version, license }]) => {
    const name = nameOf(path);
    const isAllowed =
      LICENCES.has(license) ||
      EXCEPTIONS.some(({ names, licence }) => names.test(name) && licence === license);
    return isAllowed ? [] : [`${name} ${version}: ${license ?? 'its package.json names none'}`];
  });
  assert.equal(
    refused.length,
    0,
    `licences that nobody has allowed (LICENCES and EXCEPTIONS in scripts/dependencies.mjs):\n${refused.join('\n')}`,
  );
  return packages.length;
}

/**
 * Fails if a package of the lock file in `folder` has a known vulnerability. A registry that does not answer an audit, as many
 * mirrors, is no failure here (the release workflow fails then), but it is said. Returns what came of it, for people.
 */
export async function checkVulnerabilities(folder) {
  const audit = ['audit', '--omit=dev', '--package-lock-only', '--json'];
  const { stdout } = await execa('npm', audit, { cwd: folder, reject: false });
  const { metadata, vulnerabilities, message } = JSON.parse(stdout);
  if (metadata === undefined)
    return `NOT CHECKED for vulnerabilities: the registry does not answer an audit (${message})`;
  const found = Object.values(vulnerabilities).map(
    ({ name, severity, range }) => `${name} ${range}: ${severity}`,
  );
  assert.equal(found.length, 0, `vulnerable packages (npm audit --omit=dev):\n${found.join('\n')}`);
  return `no known vulnerability in ${(await production(folder)).length} packages`;
}

/**
 * Fails, and names them, if `folder` has packages in other versions or places than its lock file, or lacks one that is not optional.
 * Returns how many there are.
 */
export async function checkFollowsLock(folder) {
  const installed = join(folder, 'node_modules', '.package-lock.json');
  const found = Object.entries(JSON.parse(await readFile(installed, 'utf8')).packages);
  const locked = new Map(await production(folder));
  const differing = [];
  for (const [path] of found) {
    const { version } = JSON.parse(await readFile(join(folder, path, 'package.json'), 'utf8'));
    const expected = locked.get(path)?.version;
    if (version !== expected) differing.push(`${path} ${version}, not ${expected ?? 'in the lock file'}`);
  }
  for (const [path, { optional, peer }] of locked)
    if (!optional && !peer && !existsSync(join(folder, path))) differing.push(`${path} is missing`);
  assert.equal(differing.length, 0, `not what the lock file says:\n${differing.join('\n')}`);
  return found.length;
}
