/** The shapes of repositories under `--sandbox`: as without one, except where a sandbox has none of what it needs. */
import { afterAll, beforeAll, describe } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import {
  ADD_A_FILE,
  REPOSITORY_SHAPES,
  tryShape,
  type RepositoryShape,
} from '../support/repository-shapes.ts';
import { it } from '../support/sandbox.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet([ADD_A_FILE]);
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const TRUSTED = {
  refused:
    /a sandbox and trustRepo do not go together: hooks, extensions and MCP servers of a repository run outside/,
};
/** What is else in a sandbox, by shape: see docs/sandbox.md. */
const OTHERWISE: Readonly<Record<string, Partial<RepositoryShape>>> = {
  'files that go through a filter, as with Git LFS': TRUSTED,
  'a required filter whose program is not installed': TRUSTED,
  'a post-checkout hook that fails, and a pre-commit hook': { hooks: 'none' },
};

describe('in a sandbox, a repository', () => {
  it.concurrent.for(REPOSITORY_SHAPES.map((shape) => ({ ...shape, ...OTHERWISE[shape.name] })))(
    '$name',
    (shape) => tryShape(subagents.session('walled'), shape, { sandbox: true }),
  );
});
