/** Tests of the sandbox: skipped where this machine cannot make one, except in CI, where that is a failure. */
import { it as always, type TestAPI } from 'vitest';
import { sandboxProblem } from '../../src/sandbox/probe.ts';

const able = process.env['CI'] !== undefined || (await sandboxProblem()) === undefined;

/** As `it` of Vitest. */
export const it = always.skipIf(!able) as TestAPI;
