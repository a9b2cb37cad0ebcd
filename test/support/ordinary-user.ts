/** Root may do everything: what an ordinary user may not do is tested as one. */
import { execa } from 'execa';

/** Who has nothing on any machine. */
const NOBODY = 65_534;

/**
 * Does `work` as a user to whom file permissions count: where this process is root's, as somebody else, to whom the folders `own`
 * belong from then on. All threads of this process, and the programs that it starts, are that user's meanwhile.
 */
export async function asOrdinaryUser<T>(own: readonly string[], work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  if (own.length > 0) await execa('chown', ['-R', `${NOBODY}:${NOBODY}`, ...own]);
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}
