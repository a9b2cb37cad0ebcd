/** Explains problems with the database of an embedded server, from the log of its failed start. */
import { join } from 'node:path';
import { SubagentsError } from '../../contract/errors.ts';
import { DATABASE } from './arguments.ts';

/** The file that a running server holds locked, in the folder of the database. */
export const LOCK_FILE = 'os-lock';
/** Exit code of the start when another server has the lock (EX_TEMPFAIL of sysexits.h). */
export const LOCKED_EXIT_CODE = 75;

/** Messages of SQLite (https://www.sqlite.org/rescode.html), and of Temporal for missing tables. */
const DAMAGED = /malformed|not a database|no such table|no such column|file is encrypted/i;
const LOCKED = /database is locked|SQLITE_BUSY|database table is locked/i;
const CLOSED = /unable to open database|readonly database|SQLITE_CANTOPEN|SQLITE_READONLY/i;

/** The error if the log shows a problem with the database; otherwise undefined. */
export function databaseFailure(log: string, dataDir: string, cause: unknown): SubagentsError | undefined {
  const file = join(dataDir, DATABASE);
  if (DAMAGED.test(log))
    return new SubagentsError(
      'DATABASE',
      `the database of Temporal, ${file}, is damaged or empty: the server cannot start on it`,
      {
        remedy:
          `restore a copy of ${DATABASE}, ${DATABASE}-wal and ${DATABASE}-shm, or start with an empty database: ` +
          `mkdir ${dataDir}.damaged && mv ${file}* ${dataDir}.damaged/ && subagents up; ` +
          'then `subagents list` shows the runs that only this home still has on record, with their branches',
        cause,
      },
    );
  if (LOCKED.test(log))
    return new SubagentsError('DATABASE', `another program has the database of Temporal, ${file}, locked`, {
      remedy: `stop that program (\`fuser ${file}\` shows it: perhaps a backup or an sqlite3 shell), then run this again`,
      cause,
    });
  if (CLOSED.test(log))
    return new SubagentsError('DATABASE', `the database of Temporal, ${file}, cannot be opened for writing`, {
      remedy: `make it a file that you own and can write, on a disk that is not read-only`,
      cause,
    });
  return undefined;
}

/** The error when another server, invisible from here, has the database. */
export function databaseInUseError(dataDir: string): SubagentsError {
  return new SubagentsError(
    'HOME_BUSY',
    `another Temporal server has the database in ${dataDir}, in another container or on another machine`,
    {
      remedy:
        'run `subagents down` there; or use another home (--home, SUBAGENTS_HOME): a home cannot be shared',
    },
  );
}
