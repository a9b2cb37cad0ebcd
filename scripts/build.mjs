// Compiles to dist/ and bundles the workflows once, so that a worker starts without a bundler (0.3 s instead of 1.6 s).
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { rolldown } from 'rolldown';
import { z } from 'zod';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' });
const { code } = await bundleWorkflowCode({
  workflowsPath: `${root}/dist/workflows/index.js`,
  workflowInterceptorModules: [`${root}/dist/workflows/interceptors.js`],
  payloadConverterPath: `${root}/dist/src/temporal/payload-converter.js`,
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

// What somebody waits for to start is one file each: looking modules up takes longer than running them.
// Copilot CLI waits for its extensions, and looks every module up by a hook of its own. The tools are declared from a file, so
// that what they are made from is in files beside it, for after it has joined.
await bundle('extension', { 'main.bundle': 'extension/main' });
const { DECLARATIONS } = await import('../dist/src/extension/declarations.js');
await writeFile(`${root}/dist/src/extension/declarations.json`, JSON.stringify(DECLARATIONS));
// A worker that was killed starts 0.2 s sooner; so does what spawns its programs.
await bundle('worker', {
  'main.bundle': 'worker/main',
  'spawner-process': 'system/spawner-process',
  'output-thread': 'chain/output-thread',
});

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

await chmod(`${root}/dist/src/cli/main.js`, 0o755);

/** A file as it is named in traces: from the root of the package it is of. */
function sourceName(path) {
  const modules = path.lastIndexOf('node_modules/');
  return modules < 0 ? path.replace(root, '') : path.slice(modules + 'node_modules/'.length);
}

/**
 * Puts modules of dist/src with all that they import into files of `folder`, under the names that are the keys: never that of
 * a module, which the compiler would take for its own and not write again.
 */
async function bundle(folder, modules) {
  const sources = `${root}/dist/src`;
  const bundled = await rolldown({
    input: Object.fromEntries(Object.entries(modules).map(([name, path]) => [name, `${sources}/${path}.js`])),
    platform: 'node',
    external: [/^@github\//, /^@temporalio\//],
  });
  await bundled.write({
    dir: `${sources}/${folder}`,
    entryFileNames: '[name].js',
    chunkFileNames: 'chunk-[name].js',
  });
  await bundled.close();
}
