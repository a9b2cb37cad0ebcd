/** Packages that only a machine on which subagents work needs. A client of a Temporal server elsewhere does without. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SubagentsError } from '../contract/errors.ts';

/** What a worker cannot start without. Copilot CLI is not among them: another one may be named. */
export const WORKER_PACKAGES = ['@temporalio/worker', '@github/copilot-sdk'] as const;
/** What downloads the Temporal server, where none is on this machine. */
export const DOWNLOAD_PACKAGE = '@temporalio/testing';

/** npm takes an install for successful though an optional package failed. */
const WHY =
  'npm leaves optional packages out with --omit=optional, and also, without an error, those whose installation failed';

/** Those of `names` that are not installed where this package finds them. */
export function missingPackages(names: readonly string[]): string[] {
  return names.filter((name) => !isInstalled(name));
}

function isInstalled(name: string): boolean {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return folders.some((folder) => existsSync(join(folder, name, 'package.json')));
}

/** Says which packages are missing, and why they may be. */
export function missingText(names: readonly string[]): string {
  const list = new Intl.ListFormat('en').format(names);
  return `${names.length === 1 ? `the package ${list} is` : `the packages ${list} are`} not installed (${WHY})`;
}

/** The command that installs what is missing. `root` is the folder of this package. */
export function installCommand(root = packageRoot()): string {
  const modules = dirname(root);
  if (basename(modules) !== 'node_modules') return `cd ${root} && npm install --include=optional`;
  const project = dirname(modules);
  return existsSync(join(project, 'package.json'))
    ? `cd ${project} && npm install --include=optional`
    : 'npm install --global --include=optional, with the file or name that this package was installed from';
}

/** @throws SubagentsError PACKAGE_MISSING when one of `names` is not installed; `doing` is what needs it, for example "a worker". */
export function requirePackages(doing: string, names: readonly string[]): void {
  const missing = missingPackages(names);
  if (missing.length === 0) return;
  throw new SubagentsError('PACKAGE_MISSING', `${doing} cannot start: ${missingText(missing)}`, {
    remedy: installCommand(),
  });
}

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
