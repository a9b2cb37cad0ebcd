// Bundles of what somebody waits for to start: looking modules up takes longer than running them.
import { readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const sources = fileURLToPath(new URL('../dist/src', import.meta.url));

/**
 * Puts modules of dist/src, with all that they import, into few files.
 * @param {string} folder of dist/src: what the bundles share is in `chunk-*.js` there
 * @param {Record<string, string>} entries for each bundle its path below dist/src, without `.js`, and that of its module
 * @param {object} options
 * @param {(string | RegExp)[]} options.external what stays an import of a package
 * @param {string[]} [options.apart] modules of dist/src that stay imports
 * @param {Record<string, string>} [options.groups] for each of some chunks the module whose static imports it is made of, but for
 * itself; a module goes into the first chunk that has it
 * @param {import('rolldown').Plugin[]} [options.plugins]
 */
export async function bundle(folder, entries, { external, apart = [], groups = {}, plugins = [] }) {
  for (const name of await readdir(`${sources}/${folder}`))
    if (/^chunk-.*\.js$/.test(name)) await rm(`${sources}/${folder}/${name}`);
  const bundled = await rolldown({
    input: Object.fromEntries(
      Object.entries(entries).map(([name, module]) => [name, `${sources}/${module}.js`]),
    ),
    platform: 'node',
    external,
    plugins: [...plugins, staysApart(apart)],
  });
  const closures = new Map();
  await bundled.write({
    dir: sources,
    entryFileNames: '[name].js',
    chunkFileNames: `${folder}/chunk-[name].js`,
    // Stacks keep their names.
    minify: { mangle: false, compress: false, codegen: { removeWhitespace: true } },
    codeSplitting: {
      groups: Object.entries(groups).map(([name, module], index, { length }) => ({
        debugName: name,
        priority: length - index,
        name: (id, context) => {
          if (!closures.has(name)) closures.set(name, staticImports(`${sources}/${module}.js`, context));
          return closures.get(name).has(id) ? name : null;
        },
      })),
    },
  });
  await bundled.close();
}

/**
 * Has modules of dist/src imported as they are, from whatever folder of it.
 * @returns {import('rolldown').Plugin}
 */
const staysApart = (modules) => ({
  name: 'stays-apart',
  async resolveId(source, importer, options) {
    const resolved = await this.resolve(source, importer, { ...options, skipSelf: true });
    const module = modules.find((path) => resolved?.id === `${sources}/${path}.js`);
    return module === undefined ? resolved : { id: `../${module}.js`, external: true };
  },
});

/** What a module imports, directly or not, when it is loaded. */
function staticImports(module, context) {
  const found = new Set(importsOf(module));
  for (const id of found) for (const imported of importsOf(id)) found.add(imported);
  return found;

  function importsOf(id) {
    return context.getModuleInfo(id)?.importedIds ?? [];
  }
}

/**
 * Leaves out of Temporal's protocol what a client never sends: what its core and its worker say to each other, and the API of
 * Temporal Cloud. Building the rest from a literal takes longer than parsing it.
 * @type {import('rolldown').Plugin}
 */
export const clientProtocol = {
  name: 'client-protocol',
  async load(id) {
    if (!id.endsWith('/@temporalio/proto/protos/json-module.js')) return null;
    const require = createRequire(id);
    require(id);
    const { nested } = require('protobufjs/light').roots.__temporal.toJSON();
    delete nested.coresdk;
    delete nested.temporal.nested.api.nested.cloud;
    return `const protobuf = require('protobufjs/light');
module.exports = (protobuf.roots.__temporal ??= new protobuf.Root()).addJSON(JSON.parse(${JSON.stringify(JSON.stringify(nested))}));`;
  },
};
