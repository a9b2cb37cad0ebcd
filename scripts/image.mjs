// What the image is built from, read from Dockerfile and .dockerignore: for checks on machines without a container engine.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Reads the first stage of the Dockerfile in `root`.
 * @param {string} root
 * @param {Record<string, string>} folders for folders of the image, those that take their place in the commands
 * @returns {Promise<{ files: string[], commands: string[] }>} the entries of `root` that docker gets, and the commands of the stage
 */
export async function imageBuild(root, folders) {
  const read = (name) => readFile(join(root, name), 'utf8');
  const [, stage = ''] = (await read('Dockerfile')).replaceAll('\\\n', ' ').split(/^FROM /m);
  const commands = [...stage.matchAll(/^RUN (.*)$/gm)].map(([, command = '']) =>
    Object.entries(folders).reduce((text, [inImage, here]) => text.replaceAll(inImage, here), command),
  );
  const [all, ...rules] = (await read('.dockerignore')).split('\n').filter((line) => /^[^#]/.test(line));
  // Other rules would need docker's own matching.
  if (all !== '*') throw new Error('.dockerignore does not begin by leaving out everything');
  const files = rules.flatMap((rule) => (rule.startsWith('!') ? [rule.slice(1)] : []));
  return { files, commands };
}
