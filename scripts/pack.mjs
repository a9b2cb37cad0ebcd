// Makes the package file from what is built: what `npm pack` makes, with the lock file of its dependencies, so that `npm ci` in the
// unpacked file installs exactly those. npm does not read that file where the package is a dependency (docs/decisions/0030).
// Without a folder it is written to the current one: node scripts/pack.mjs [FOLDER]
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Writes `durable-subagents-<version>.tgz` into `folder`.
 * @param {string} folder
 * @returns {Promise<{ path: string, files: string[] }>} the file, and the paths in it
 */
export async function packInto(folder) {
  const work = await mkdtemp(join(tmpdir(), 'subagents-pack-'));
  try {
    const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', work];
    const [{ filename }] = JSON.parse((await execa('npm', pack, { cwd: root })).stdout);
    await execa('tar', ['-xzf', filename], { cwd: work });
    const unpacked = join(work, 'package');
    await forUsers(join(unpacked, 'package.json'), (content) => {
      // Nothing of ours runs when the package is installed.
      delete content.scripts;
      delete content.devDependencies;
    });
    await writeFile(join(unpacked, 'package-lock.json'), await readFile(join(root, 'package-lock.json')));
    await forUsers(join(unpacked, 'package-lock.json'), ({ packages }) => {
      delete packages[''].devDependencies;
      for (const [path, { dev }] of Object.entries(packages)) if (dev) delete packages[path];
    });
    const path = join(resolve(folder), filename);
    await execa('tar', ['-czf', path, 'package'], { cwd: work });
    const entries = await readdir(unpacked, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return { path, files: files.map((file) => join(file.parentPath, file.name).slice(unpacked.length + 1)) };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function forUsers(path, change) {
  const content = JSON.parse(await readFile(path, 'utf8'));
  change(content);
  await writeFile(path, `${JSON.stringify(content, null, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log((await packInto(process.argv[2] ?? '.')).path);
