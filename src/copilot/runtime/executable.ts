/** Finds the Copilot CLI: the npm package installed with ours, or another one that the user names. */
import { access, constants } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { SubagentsError } from '../../contract/index.ts';
import { packagesInstallCommand, missingText } from '../../system/optional-packages.ts';

/** Environment variable that names another Copilot CLI. */
export const COPILOT_PATH_VARIABLE = 'SUBAGENTS_COPILOT_PATH';

/**
 * Path of the Copilot CLI executable. The npm package `@github/copilot` is a small loader; the executable is in a
 * platform package that npm installs beside it, wherever that is (a project, a global folder).
 * @param named another executable that the user chose
 * @throws COPILOT_MISSING
 */
export async function findCopilot(named: string | undefined): Promise<string> {
  if (named !== undefined && named !== '') {
    if (await isExecutable(named)) return named;
    throw new SubagentsError(
      'COPILOT_MISSING',
      `${COPILOT_PATH_VARIABLE} names ${named}, which is not executable`,
      {
        remedy: `name an executable Copilot CLI in ${COPILOT_PATH_VARIABLE}, or unset it to use the one that came with this package`,
      },
    );
  }
  const packages = (process.platform === 'linux' ? ['linux', 'linuxmusl'] : [process.platform]).map(
    (platform) => `@github/copilot-${platform}-${process.arch}`,
  );
  for (const name of packages) {
    const found = resolvePlatformPackage(name);
    if (found !== undefined && (await isExecutable(found))) return found;
  }
  throw new SubagentsError(
    'COPILOT_MISSING',
    `there is no Copilot CLI for ${process.platform}-${process.arch}: ${missingText(packages.slice(0, 1))}`,
    { remedy: `${packagesInstallCommand()}; or name a Copilot CLI in ${COPILOT_PATH_VARIABLE}` },
  );
}

function resolvePlatformPackage(name: string): string | undefined {
  try {
    const here = createRequire(import.meta.url);
    // Resolved from the loader's location: a strict package manager makes the platform package visible only to the
    // loader.
    return createRequire(here.resolve('@github/copilot/package.json')).resolve(name);
  } catch {
    return undefined;
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
