/** Packages that only machines with a worker need. A client of a remote Temporal server works without them. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SubagentsError } from '../contract/errors.ts';

/** Packages that a worker cannot start without. Copilot CLI is not included, because the user may name another one. */
export const WORKER_PACKAGES = ['@temporalio/worker', '@github/copilot-sdk'] as const;
/** The package that downloads the Temporal server, if this machine has none. */
export const DOWNLOAD_PACKAGE = '@temporalio/testing';

/** npm reports success even if an optional package fails to install. */
const WHY = 'npm omits optional packages with --omit=optional, and also silently if their installation fails';

/** The packages in `names` that are not installed where this package would find them. */
export function missingPackages(names: readonly string[]): string[] {
  return names.filter((name) => !isInstalled(name));
}

function isInstalled(name: string): boolean {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return folders.some((folder) => existsSync(join(folder, name, 'package.json')));
}

/** A sentence that names the missing packages, and why they may be missing. */
export function missingText(names: readonly string[]): string {
  const list = new Intl.ListFormat('en').format(names);
  return `${names.length === 1 ? `the package ${list} is` : `the packages ${list} are`} not installed (${WHY})`;
}

/** The command that installs missing packages. `root` is the folder of this package. */
export function packagesInstallCommand(root = packageRoot()): string {
  const modules = dirname(root);
  if (basename(modules) !== 'node_modules') return `cd ${root} && npm install --include=optional`;
  const project = dirname(modules);
  return existsSync(join(project, 'package.json'))
    ? `cd ${project} && npm install --include=optional`
    : 'npm install --global --include=optional, followed by the file or name that this package was installed from';
}

/**
 * @throws SubagentsError PACKAGE_MISSING if one of `names` is not installed; `doing` names what needs it, for example
 * "a worker".
 */
export function requirePackages(doing: string, names: readonly string[]): void {
  const missing = missingPackages(names);
  if (missing.length === 0) return;
  throw new SubagentsError('PACKAGE_MISSING', `${doing} cannot start: ${missingText(missing)}`, {
    remedy: packagesInstallCommand(),
  });
}

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
