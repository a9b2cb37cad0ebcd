// Packs what is built, installs it as a user does, and uses it from there: the command, the demo, the library and its types.
// Needs `npm run build` first. Takes about a minute; nothing of it is left.
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const folder = await realpath(await mkdtemp(join(tmpdir(), 'subagents-package-')));
try {
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const { stdout } = await execa('npm', pack, { cwd: root });
  const [{ filename, files }] = JSON.parse(stdout);
  for (const path of [
    'README.md',
    'LICENSE',
    'subagents.schema.json',
    'subagents-chain.schema.json',
    'dist/src/cli/main.js',
    'dist/src/client/index.d.ts',
    'dist/workflow-bundle.js',
  ])
    assert(
      files.some((file) => file.path === path),
      `${path} is not in the package`,
    );
  for (const { path } of files) assert.doesNotMatch(path, /^(src|test|bench|scripts|docs)\//);

  const prefix = join(folder, 'prefix');
  await execa('npm', ['install', '--global', '--prefix', prefix, join(folder, filename)]);
  console.log(`installed ${filename}, ${files.length} files`);

  // A machine of its own: nothing but PATH, and an empty home directory.
  const { PATH, SUBAGENTS_TEMPORAL_PATH, XDG_CACHE_HOME = join(process.env.HOME, '.cache') } = process.env;
  const env = { PATH, SUBAGENTS_TEMPORAL_PATH, XDG_CACHE_HOME, HOME: join(folder, 'home') };
  const run = (file, args) => execa(file, args, { cwd: folder, env, extendEnv: false, reject: false });
  const subagents = (...args) => run(join(prefix, 'bin', 'subagents'), args);

  assert.equal((await subagents('--version')).stdout, version);
  const { checks } = JSON.parse((await subagents('doctor', '--json')).stdout);
  for (const name of ['Node', 'Temporal', 'Copilot']) {
    assert.equal(checks.find((check) => check.name === name)?.result, 'ok', name);
  }
  const demo = await subagents('demo', '--json');
  assert.equal(demo.exitCode, 0, demo.stderr + demo.stdout.split('\n').slice(-5).join('\n'));
  console.log('the command and its demo work');

  const project = join(prefix, 'lib');
  await writeFile(join(project, 'package.json'), '{ "type": "module" }');
  await writeFile(
    join(project, 'try.js'),
    "import { Subagents } from 'durable-subagents'; await Subagents.connect().catch(({ code }) => console.log(code));",
  );
  assert.equal((await run(process.execPath, [join(project, 'try.js')])).stdout, 'TEMPORAL_UNREACHABLE');
  await cp(join(root, 'docs/examples'), join(project, 'examples'), { recursive: true });
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2023'];
  const examples = (await readdir(join(project, 'examples')))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(project, 'examples', name));
  const types = await run(process.execPath, [
    tsc,
    ...options,
    '--lib',
    'es2023,esnext.disposable,dom',
    ...examples,
  ]);
  assert.equal(types.stdout, '');
  console.log('the library works, and its types');
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
