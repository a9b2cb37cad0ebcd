/**
 * Checks that a home is writable: after a disk error, the system may make a file system read-only while it is in use.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import { errorCode, systemFailure, writePrivateFile } from '../system/files.ts';

/** Errors that a later attempt does not fix. */
const LASTING = new Set(['EROFS', 'EIO', 'EACCES', 'EPERM', 'ESTALE']);

/** Why the home is permanently not writable; undefined if it is writable, or only lacks space or open files. */
export function homeWriteProblem(root: string): SubagentsError | undefined {
  const probe = join(root, 'writable');
  try {
    writePrivateFile(probe, '');
    rmSync(probe, { force: true });
    return undefined;
  } catch (error) {
    const cause = error instanceof SubagentsError ? error.cause : error;
    return LASTING.has(errorCode(cause) ?? '') ? systemFailure(cause, probe) : undefined;
  }
}

/** @throws SubagentsError FILE_ACCESS if the home of a running `up` is no longer writable */
export function requireWritable(root: string): void {
  const problem = homeWriteProblem(root);
  if (problem === undefined) return;
  const { message, remedy = 'make it writable again', cause } = problem;
  throw new SubagentsError(
    'FILE_ACCESS',
    `the home ${root} is no longer writable, so \`up\` stops: ${message}`,
    { remedy: `${remedy}; then \`subagents up\` continues the subagents`, cause },
  );
}
