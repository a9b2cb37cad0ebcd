// Packs what is built, installs it as a user does, and uses it from there: the command and the demo, from what the lock file names;
// the library and its types, in a project with a Temporal client of its own; without optional packages, as a client of a server
// elsewhere; and what the image is built from. Needs `npm run build` first, and a registry. Takes some minutes; nothing of it is left.
import assert from 'node:assert/strict';
import { access, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { startScriptedModel } from '../dist/src/demo/scripted-model.js';
import { checkFollowsLock, checkLicences, checkVulnerabilities } from './dependencies.mjs';
import { imageBuild } from './image.mjs';
import { packInto } from './pack.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const folder = await realpath(await mkdtemp(join(tmpdir(), 'subagents-package-')));
try {
  console.log(`licences of ${await checkLicences(root)} packages are allowed`);
  console.log(await checkVulnerabilities(root));

  const { path: tarball, files } = await packInto(folder);
  for (const path of [
    'README.md',
    'docs/README.md',
    'examples/README.md',
    'LICENSE',
    'package-lock.json',
    'subagents.schema.json',
    'subagents-chain.schema.json',
    'dist/src/cli/main.bundle.js',
    'dist/src/client/index.d.ts',
    'dist/workflow-bundle.js',
    'dist/schemas/list.schema.json',
  ])
    assert(files.includes(path), `${path} is not in the package`);
  for (const path of files) assert.doesNotMatch(path, /^(src|test|bench|chaos|scripts)\/|shrinkwrap/);

  // As docs/getting-started.md says. Install scripts of others are not run either: nothing needs them.
  const prefix = join(folder, 'prefix');
  const unpacked = join(folder, 'unpacked');
  await unpack(tarball, unpacked);
  await execa('npm', ['ci', '--ignore-scripts'], { cwd: unpacked });
  await execa('npm', ['install', '--global', '--prefix', prefix, '.'], { cwd: unpacked });
  const { scripts } = JSON.parse(await readFile(join(unpacked, 'package.json'), 'utf8'));
  assert.equal(scripts, undefined, 'the package has scripts of its own');
  console.log(`installed ${await checkFollowsLock(unpacked)} packages, all as the lock file has them`);

  // A machine of its own: nothing but PATH, and an empty home directory.
  const { PATH, SUBAGENTS_TEMPORAL_PATH, XDG_CACHE_HOME = join(homedir(), '.cache') } = process.env;
  const env = { PATH, SUBAGENTS_TEMPORAL_PATH, XDG_CACHE_HOME, HOME: join(folder, 'home') };
  const run = (file, args) => execa(file, args, { cwd: folder, env, extendEnv: false, reject: false });
  const subagents = (...args) => run(join(prefix, 'bin', 'subagents'), args);

  assert.equal((await subagents('--version')).stdout, version);
  const { checks } = JSON.parse((await subagents('doctor', '--json')).stdout);
  for (const name of ['Node', 'packages', 'Temporal', 'Copilot']) {
    assert.equal(checks.find((check) => check.name === name)?.result, 'ok', name);
  }
  const demo = await subagents('demo', '--json');
  assert.equal(demo.exitCode, 0, demo.stderr + demo.stdout.split('\n').slice(-5).join('\n'));
  console.log('the command and its demo work');

  const project = join(folder, 'project');
  await mkdir(project);
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const own = { '@temporalio/client': dependencies['@temporalio/client'] };
  await writeFile(join(project, 'package.json'), JSON.stringify({ type: 'module', dependencies: own }));
  await execa('npm', ['install', '--ignore-scripts', tarball], { cwd: project });
  await checkOneCopy(join(project, 'node_modules'), '@temporalio');
  await writeFile(
    join(project, 'try.js'),
    "import { Subagents } from 'durable-subagents'; await Subagents.connect().catch(({ code }) => console.log(code));",
  );
  assert.equal((await run(process.execPath, [join(project, 'try.js')])).stdout, 'TEMPORAL_UNREACHABLE');
  await cp(join(root, 'docs/examples'), join(project, 'examples'), { recursive: true });
  const compilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: false,
    skipDefaultLibCheck: true,
    types: [],
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable', 'dom'],
  };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['examples'] }));
  const types = await run(process.execPath, [tsc, '-p', project]);
  assert.equal(types.stdout, '');
  console.log('the library works, and its types, beside a Temporal client of its project');

  await checkClientAlone({ tarball, full: join(prefix, 'bin', 'subagents'), env });
  await checkImage();
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

async function unpack(tarball, into) {
  await mkdir(into);
  await execa('tar', ['-xzf', tarball, '-C', into, '--strip-components=1']);
}

/** Fails if a package of `scope` is installed more than once below `modules`, or none is. */
async function checkOneCopy(modules, scope) {
  const entries = await readdir(modules, { recursive: true });
  const found = entries.filter((path) =>
    path.split('node_modules/').at(-1)?.match(`^${scope}/[^/]+/package.json$`),
  );
  const names = found.map((path) => path.split('node_modules/').at(-1));
  assert(names.length > 0, `no package of ${scope} is installed`);
  assert.deepEqual(
    names.toSorted(),
    [...new Set(names)].toSorted(),
    `installed more than once: ${found.join(' ')}`,
  );
}

/** The commands of the image's build, on the files that docker would get, in folders of ours. */
async function checkImage() {
  const context = join(folder, 'image-build');
  const installed = join(folder, 'image-installed');
  await mkdir(context);
  const { files, commands } = await imageBuild(root, {
    '/build': context,
    '/opt/durable-subagents': installed,
  });
  for (const file of files) await cp(join(root, file), join(context, file), { recursive: true });
  for (const command of commands) await execa('sh', ['-ec', command], { cwd: context });
  const count = await checkFollowsLock(installed);
  const command = join(installed, 'dist/src/cli/main.bundle.js');
  assert.equal((await execa(process.execPath, [command, '--version'])).stdout, version);
  console.log(`the image gets ${count} packages, all as the lock file has them`);
}

/** Without optional packages: small, a client of a server elsewhere, and plain about what is missing. */
async function checkClientAlone({ tarball, full, env }) {
  const project = join(folder, 'client');
  await mkdir(project);
  await writeFile(join(project, 'package.json'), '{ "private": true }');
  await execa('npm', ['install', '--omit=optional', tarball], { cwd: project });
  const { stdout: size } = await execa('du', ['-sk', join(project, 'node_modules')]);
  const megabytes = (Number.parseInt(size) * 1024) / 1e6;
  assert(megabytes < 80, `a client alone takes ${megabytes} MB`);
  console.log(`installed without optional packages: ${megabytes.toFixed(1)} MB`);

  const command = join(project, 'node_modules', '.bin', 'subagents');
  const fullHome = join(folder, 'full-home');
  // Its server encrypts with the key in its home.
  const SUBAGENTS_KEYS = `file:${join(fullHome, 'keys.json')}`;
  const clientEnv = { ...env, SUBAGENTS_HOME: join(folder, 'client-home') };
  const client = async (args, cwd = folder, more = {}) => {
    const given = { ...clientEnv, ...more };
    const ended = await execa(command, args, { cwd, env: given, extendEnv: false, reject: false });
    return { exitCode: ended.exitCode, stdout: `${ended.stdout}`, stderr: `${ended.stderr}` };
  };
  const remedy = `cd ${project} && npm install --include=optional`;
  for (const args of [['worker', '--address', '127.0.0.1:1'], ['up'], ['up', '--detach'], ['demo']]) {
    const { exitCode, stderr } = await client([...args, '--json']);
    const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    assert.equal(exitCode, 1, args.join(' '));
    assert.deepEqual([error.code, error.remedy], ['PACKAGE_MISSING', remedy], args.join(' '));
    assert.match(error.message, /@temporalio\/worker and @github\/copilot-sdk are not installed \(.*fail/);
  }
  const diagnosis = async () => JSON.parse((await client(['doctor', '--json'])).stdout).checks;
  const found = await diagnosis();
  for (const [name, missing] of [
    ['packages', '@temporalio/worker'],
    ['Copilot', '@github/copilot-'],
  ]) {
    const check = found.find((each) => each.name === name);
    assert.equal(check.result, 'fail', name);
    assert(check.detail.includes(missing) && check.remedy.includes(remedy), name);
  }
  console.log('it names what is missing');

  // The server and the worker of another installation, with a home of its own.
  const model = await startScriptedModel([{ when: () => true, steps: answer }]);
  const fullEnv = { ...env, ...model.env, SUBAGENTS_HOME: fullHome };
  const elsewhere = (args) => execa(full, args, { cwd: folder, env: fullEnv, extendEnv: false });
  try {
    const { address } = JSON.parse((await elsewhere(['up', '--detach', '--json'])).stdout);
    const repository = join(folder, 'repository');
    await mkdir(repository);
    const git = (...args) =>
      execa('git', ['-c', 'user.name=A', '-c', 'user.email=a@b.c', ...args], { cwd: repository });
    await git('init', '--quiet', '--initial-branch=main');
    await git('commit', '--quiet', '--allow-empty', '--message', 'First');
    const does = async (...args) => {
      const { exitCode, stdout, stderr } = await client(
        [...args, '--address', address, '--json'],
        repository,
        { SUBAGENTS_KEYS },
      );
      assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`);
      return JSON.parse(stdout);
    };
    await does('spawn', 'small', 'Commit a file once you are told to.', '--verify', 'test -e made.txt');
    const running = async () => (await does('list')).subagents[0].progress?.tool === 'bash';
    while (!(await running())) await setTimeout(500);
    const steered = await does('steer', 'small', 'Go.', '--interrupt');
    await does('wait', 'small');
    await does('merge', 'small');
    await access(join(repository, 'made.txt'));
    console.log(`it spawns, lists, steers (${steered.receipt?.delivery ?? 'delivered'}), waits and merges`);
  } finally {
    await elsewhere(['down', '--now']);
    await model.stop();
  }

  await execa('npm', ['install', '--include=optional'], { cwd: project });
  for (const check of await diagnosis())
    if (['packages', 'Copilot'].includes(check.name)) assert.equal(check.result, 'ok', check.detail);
  console.log('the command that it names installs the rest');
}

/** The model waits in a shell until it is steered, then commits. */
function answer({ text, toolResults }) {
  const bash = (command) => ({
    tools: [{ name: 'bash', arguments: { command, description: 'Run', mode: 'sync', initial_wait: 300 } }],
  });
  if (!text.includes('Go.')) return bash('sleep 300');
  if (toolResults.some((result) => result.includes('committed'))) return { text: 'Done.' };
  return bash('echo made >made.txt && git add . && git commit -qm Made && echo committed');
}
