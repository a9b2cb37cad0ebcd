/** Reads the artifacts of a step: whole files of its workspace that it passes on to later steps. */
import { constants } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import {
  byteLength,
  MAX_ARTIFACT_BYTES,
  MAX_ARTIFACTS_BYTES,
  type ArtifactsRead,
} from '../../src/contract/index.ts';

/** The reason why a file cannot be an artifact. */
class Unfit extends Error {}

/**
 * Returns the contents of `paths`, each relative to `cwd`, or the problem with the first one that cannot be read.
 * Paths outside of `cwd` or in its `.git`, also through links, are refused.
 */
export async function readArtifacts(cwd: string, paths: readonly string[]): Promise<ArtifactsRead> {
  const files: [string, string][] = [];
  let bytes = 0;
  for (const path of paths) {
    try {
      const text = await read(cwd, path);
      // Counted as JSON, the form in which it is sent: a line end or a quote takes two characters.
      bytes += byteLength(JSON.stringify(text));
      if (bytes > MAX_ARTIFACTS_BYTES)
        throw new Unfit(`with it the artifacts are larger than ${MAX_ARTIFACTS_BYTES / 1024} KiB in total`);
      files.push([path, text]);
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      return { problem: `the artifact ${path} cannot be collected: ${error.message}` };
    }
  }
  return { files: Object.fromEntries(files) };
}

async function read(cwd: string, path: string): Promise<string> {
  const place = await inside(cwd, path);
  // O_NOFOLLOW: the path may have been replaced by a link meanwhile. O_NONBLOCK: opening a pipe must not block.
  const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    unfit,
  );
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new Unfit('it is not a regular file');
    const there = await stat(await inside(cwd, path)).catch(unfit);
    if (there.ino !== found.ino || there.dev !== found.dev)
      throw new Unfit('it was replaced while it was being read');
    if (found.size > MAX_ARTIFACT_BYTES)
      throw new Unfit(`it is larger than ${MAX_ARTIFACT_BYTES / 1024} KiB`);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(found.size), 0, found.size, 0);
    return asText(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** The real path of `path`. @throws Unfit when it does not exist or is outside the workspace */
async function inside(cwd: string, path: string): Promise<string> {
  const [root, place] = await Promise.all([realpath(cwd), realpath(join(cwd, path)).catch(unfit)]);
  const [first, ...rest] = relative(root, place).split(sep);
  if (first === '..' || (first === '' && rest.length === 0)) throw new Unfit('it is outside the workspace');
  if (first === '.git') throw new Unfit('it is part of .git');
  return place;
}

function unfit(error: unknown): never {
  const { code } = error as NodeJS.ErrnoException;
  throw new Unfit(code === 'ENOENT' || code === 'ENOTDIR' ? 'it does not exist' : (code ?? String(error)));
}

function asText(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Unfit('it is not UTF-8 text');
  }
  if (text.includes('\0')) throw new Unfit('it is not text');
  return text;
}
