/** Set-up of the project `unit`: what starts a process is no unit test. */
import childProcess, { ChildProcess } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

const refuse = (): never => {
  throw new Error(
    'a test of the project `unit` starts no process: list its file elsewhere in vitest.config.ts',
  );
};

// Every way to start one without waiting ends in this method.
Object.assign(ChildProcess.prototype, { spawn: refuse });
Object.assign(childProcess, { spawnSync: refuse, execFileSync: refuse, execSync: refuse });
syncBuiltinESMExports();
