/** The only file that an installation writes. It finds the installed package, and starts its extension. */
import { createHash } from 'node:crypto';

/** Where the package is, for an installation for this user alone. */
export interface Location {
  /** Absolute path of `dist/src/extension/main.bundle.js`. */
  readonly main: string;
  /** Absolute path of the Node.js of the installation. Copilot CLI's own Node.js runs no other programs. */
  readonly node: string;
}

const MARK = '// Written by `subagents install copilot`, removed by `subagents uninstall copilot`. Digest: ';

/**
 * The text of the extension's file. Its first line marks the file as ours with a digest of the rest, so that a file
 * which was changed no longer counts as ours.
 * @param location without it, the text contains no paths of this machine, and searches for the package where it runs.
 */
export function launcherText(location?: Location): string {
  const body = BODY.replace('__LOCATION__', () => JSON.stringify(location ?? null));
  return `${MARK}${digest(body)}\n${body}`;
}

/** Whether `text` is an unchanged file of ours, of any version. */
export function isOurs(text: string): boolean {
  const [first = '', ...rest] = text.split('\n');
  return first === `${MARK}${digest(rest.join('\n'))}`;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

/** Plain JavaScript for the Node.js of Copilot CLI. Nothing in it may throw. */
const BODY = `import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Where it was installed from; null: wherever this machine has it. */
const LOCATION = __LOCATION__;
const ENTRY = join('dist', 'src', 'extension', 'main.bundle.js');

/** The package behind the command \`subagents\`, else a dependency of the project. */
function* candidates() {
  if (LOCATION !== null) yield LOCATION.main;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      yield join(realpathSync(join(folder, 'subagents')), '..', '..', 'extension', 'main.bundle.js');
    } catch {}
  }
  for (let folder = process.cwd(), above = ''; folder !== above; above = folder, folder = dirname(folder))
    yield join(folder, 'node_modules', 'durable-subagents', ENTRY);
}

/** One line for the human, and nothing else. */
async function hint(text) {
  const { joinSession } = await import('@github/copilot-sdk/extension');
  await (await joinSession()).log(text, { level: 'info', ephemeral: true });
}

try {
  const main = [...candidates()].find((path) => existsSync(path));
  if (main === undefined)
    await hint('Durable subagents: the package is not installed on this machine, so its tools are missing here. \`npm install -g\` the package, or \`subagents uninstall copilot\`.');
  else {
    const { startExtension } = await import(pathToFileURL(main).href);
    await startExtension({ node: LOCATION !== null && existsSync(LOCATION.node) ? LOCATION.node : 'node' });
  }
} catch (error) {
  process.stderr.write(\`durable-subagents: \${error?.stack ?? error}\\n\`);
  await hint(\`Durable subagents: the extension did not start (\${String(error?.message ?? error).split('\\n')[0]}). \\\`subagents install copilot\\\` may fix it.\`).catch(() => {});
}
`;
