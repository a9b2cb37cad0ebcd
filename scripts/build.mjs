// Compiles to dist/ and bundles the workflows once, so that a worker starts without a bundler (0.3 s instead of 1.6 s).
import { execFileSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' });
const { code } = await bundleWorkflowCode({
  workflowsPath: `${root}/dist/workflows/index.js`,
  preloadModules: [`${root}/dist/workflows/preload.js`],
  logger: new DefaultLogger('WARN'),
});
await writeFile(`${root}/dist/workflow-bundle.js`, code);
await chmod(`${root}/dist/src/cli/main.js`, 0o755);
