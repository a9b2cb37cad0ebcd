/** Set-up of each test file of the projects whose files run in one process after the other. */
import { afterAll, afterEach, vi } from 'vitest';
import { accounts } from './account.ts';

// A failure on a machine that nobody can look at tells why.
afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const account of await accounts()) console.error(account);
});

// The next file in this process begins with the environment of the run.
const before = { ...process.env };
afterAll(() => {
  vi.unstubAllEnvs();
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
});
