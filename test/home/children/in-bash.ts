/** Runs a program, its second argument, with its third, in a bash that has run its first; passes on what it prints. */
import { execa } from 'execa';

const [init = '', program = '', ...args] = process.argv.slice(2);
await execa(
  'bash',
  ['-c', `${init}\nexec "$0" "$@"`, process.execPath, ...process.execArgv, program, ...args],
  {
    stdio: 'inherit',
  },
);
