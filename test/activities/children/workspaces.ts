/** Prepares, or collects from, the workspaces of its third argument, all at once, in the home of its first. */
import type { PrepareInput, Workspace } from '../../../src/contract/index.ts';
import { openHome } from '../../../src/home/home.ts';
import { workspaceBench } from '../../support/workspace.ts';

const [root = '', what = '', inputs = ''] = process.argv.slice(2);
const { prepare, collect } = workspaceBench(await openHome(root));
await Promise.all(
  (JSON.parse(inputs) as (PrepareInput & { workspace: Workspace })[]).map((input) =>
    what === 'collect' ? collect(input, input.workspace) : prepare(input),
  ),
);
