// Compiles to dist/ and bundles the workflows once, so that a worker starts without a bundler (0.3 s instead of 1.6 s).
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { z } from 'zod';
import { bundle, clientProtocol } from './bundle.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** What is looked for where it is installed. */
const PACKAGES = [/^@github\//, /^@temporalio\//];
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' });
const { code } = await bundleWorkflowCode({
  workflowsPath: `${root}/dist/workflows/index.js`,
  workflowInterceptorModules: [`${root}/dist/workflows/interceptors.js`],
  payloadConverterPath: `${root}/dist/src/temporal/workflow-converter.js`,
  failureConverterPath: `${root}/dist/src/temporal/workflow-converter.js`,
  preloadModules: [`${root}/dist/workflows/preload.js`],
  logger: new DefaultLogger('WARN'),
  // Every start of a worker parses it: where a line is from is enough, what stands there can be read in dist/.
  // Traces of errors go into histories: they name our files, and not where this machine has them.
  webpackConfigHook: (config) => ({
    ...config,
    devtool: 'inline-nosources-source-map',
    output: {
      ...config.output,
      devtoolModuleFilenameTemplate: ({ absoluteResourcePath: path }) => sourceName(path),
    },
  }),
});
await writeFile(`${root}/dist/workflow-bundle.js`, code);

// Copilot CLI waits for its extensions, and looks every module up by a hook of its own. The tools are declared from a file, so
// that what they are made from is in files beside it, for after it has joined.
await bundle('extension', { 'extension/main.bundle': 'extension/main' }, { external: PACKAGES });
const { DECLARATIONS } = await import('../dist/src/extension/declarations.js');
await writeFile(`${root}/dist/src/extension/declarations.json`, JSON.stringify(DECLARATIONS));
// A worker that was killed starts 0.2 s sooner; so does what spawns its programs.
await bundle(
  'worker',
  {
    'worker/main.bundle': 'worker/main',
    'chain/output-thread.bundle': 'chain/output-thread',
  },
  { external: PACKAGES },
);
// Its one file is all of us that a sandbox can read.
await bundle('system', { 'system/spawner-process.bundle': 'system/spawner-process' }, { external: [] });
// The command line has Temporal's client inside, as far as it is used; its worker has one of its own.
await bundle(
  'cli',
  { 'cli/main.bundle': 'cli/main' },
  {
    external: [/^@github\//, '@temporalio/worker', '@temporalio/testing'],
    apart: ['worker/run-worker'],
    groups: { start: 'cli/main', client: 'client/index' },
    plugins: [clientProtocol],
  },
);

// What each command prints with `--json`, for programs in any language. Fields may be added: what a schema does not name is accepted.
const open = ({ jsonSchema }) => {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
};
const { REPORTS } = await import('../dist/src/cli/json.js');
await mkdir(`${root}/dist/schemas`, { recursive: true });
for (const [name, report] of Object.entries(REPORTS)) {
  const schema = { title: `subagents: ${name}`, ...z.toJSONSchema(report, { io: 'output', override: open }) };
  await writeFile(`${root}/dist/schemas/${name}.schema.json`, `${JSON.stringify(schema, null, 2)}\n`);
}

await chmod(`${root}/dist/src/cli/main.bundle.js`, 0o755);

/** A file as it is named in traces: from the root of the package it is of. */
function sourceName(path) {
  const modules = path.lastIndexOf('node_modules/');
  return modules < 0 ? path.replace(root, '') : path.slice(modules + 'node_modules/'.length);
}
