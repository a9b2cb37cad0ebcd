/** Whether a home can still be written: after an error of its disk, the system makes a file system read-only under all who use it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { SubagentsError } from '../../contract/errors.ts';
import { errorCode, systemFailure, writePrivateFile } from '../../system/files.ts';

/** What no later try cures. */
const LASTING = new Set(['EROFS', 'EIO', 'EACCES', 'EPERM', 'ESTALE']);

/** Why nothing can be written to the home for good; undefined where it can, and for want of space or of open files. */
export function writingProblem(root: string): SubagentsError | undefined {
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

/** @throws SubagentsError FILE_ACCESS when the home can no longer be written under a running `up` */
export function requireWritable(root: string): void {
  const problem = writingProblem(root);
  if (problem === undefined) return;
  const { message, remedy = 'make it writable again', cause } = problem;
  throw new SubagentsError(
    'FILE_ACCESS',
    `the home ${root} can no longer be written, so \`up\` ends: ${message}`,
    { remedy: `${remedy}; then \`subagents up\` goes on with the subagents`, cause },
  );
}
