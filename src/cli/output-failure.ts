import { SubagentsError } from '../contract/errors.ts';

/** The error for output that could not be written, for example because the disk behind it is full. */
export function outputFailure(error: NodeJS.ErrnoException): SubagentsError {
  const { code, message } = error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new SubagentsError('DISK_FULL', 'no disk space left to write the output', {
      remedy: 'free some space on that disk, or write the output elsewhere',
      cause: error,
    });
  }
  return new SubagentsError('INTERNAL', `the output could not be written: ${message}`, {
    remedy: 'write the output elsewhere',
    cause: error,
  });
}
