/** A machine as the documents have it: the command on PATH, a project with others beside it, a git server, a model that is scripted. */
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { Subagents } from '../../src/client/index.ts';
import type { ModelConversation } from '../../src/demo/conversation.ts';
import { startScriptedModel, type ScriptedStep } from '../../src/demo/scripted-model.ts';
import { readUpFile } from '../../src/temporal/up-file.ts';
import { environment, MAIN, run } from '../cli/command.ts';
import { serveGit } from '../support/git-http.ts';
import { temporaryFolder } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { ROOT } from './documents.ts';

/** How a command ended, and all that it wrote. */
interface Ended {
  readonly exitCode: number | undefined;
  readonly output: string;
}

export interface Machine extends AsyncDisposable {
  /** Whether an `up` runs. */
  isUp(): boolean;
  connect(): Promise<Subagents>;
  /** A shell in a new copy of the project. */
  shell(): Promise<Shell>;
}

/** A shell: it stays in the folder that a command went to. */
export interface Shell {
  /** Runs a command to its end. Where a pattern is given, Ctrl-C is pressed once it has written that. */
  run(line: string, interruptAt?: RegExp): Promise<Ended>;
}

const COMMAND_TIMEOUT_MS = 120_000;
const COMMIT = "date +%N >> done.txt && git add done.txt && git commit -qm 'Do it' && echo committed";

/** What the model does: nothing where it may only read; else it commits, some after a question or a word from its main agent. */
function answer({ text, userMessages: [task = ''], toolResults }: ModelConversation): ScriptedStep {
  const bash = (command: string): ScriptedStep => ({
    tools: [{ name: 'bash', arguments: { command, description: 'a step' } }],
  });
  if (/Review|Sum up|Find every|Prepare the task/.test(task)) return { text: 'I have looked.' };
  if (/Ask/.test(task) && !text.includes('Use the new API.'))
    return { tools: [{ name: 'ask_parent', arguments: { question: 'Which API?' } }] };
  if (/told something|since Monday/.test(task) && !/session cookie alone|And the docs/.test(text))
    return bash('until [ -f done.txt ]; do sleep 0.2; done');
  return toolResults.some((result) => result.includes('committed')) ? { text: 'Done.' } : bash(COMMIT);
}

/** Makes the machine; nothing of ours runs on it yet. */
export async function startMachine(): Promise<Machine> {
  const undo: (() => PromiseLike<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return await build(undo, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(undo: (() => PromiseLike<void>)[], close: () => Promise<void>): Promise<Machine> {
  const keep = <T extends AsyncDisposable>(part: T): T => {
    undo.push(() => part[Symbol.asyncDispose]());
    return part;
  };
  const folder = keep(await temporaryFolder());
  const at = (...names: string[]): string => join(folder.path, ...names);
  let refusals = 0;
  const refusesOnce = {
    when: ({ userMessages: [task = ''] }: ModelConversation) =>
      task.includes('in nowhere') && refusals++ === 0,
    steps: [{ error: { status: 403, message: 'not today' } }],
  };
  const model = await startScriptedModel([refusesOnce, { when: () => true, steps: answer }]);
  undo.push(() => model.stop());
  const server = keep(await serveGit(at('served')));
  const project = keep(await makeProject(server.url));
  const slugify = keep(await makeSlugify());
  for (const name of ['team/project.git', 'team/shop.git', 'shop.git'])
    await project.git('clone', '--quiet', '--mirror', project.path, at('served', name));
  await project.in(at('served/team/shop.git'))('config', 'http.receivepack', 'true');
  await slugify.git('clone', '--quiet', '--bare', slugify.path, at('served/sindresorhus/slugify'));

  await mkdir(at('bin'));
  await writeFile(at('bin/subagents'), `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`, { mode: 0o755 });
  await symlink(process.env['SUBAGENTS_TEMPORAL_PATH'] ?? '', at('bin/temporal'));

  const home = at('home');
  undo.push(async () => void (await run(['down', '--now'], { home })));
  const env = (): Record<string, string> =>
    environment({
      home,
      env: {
        ...model.env,
        ...NO_GIT_CONFIGURATION,
        PATH: `${at('bin')}:${process.env['PATH']}`,
        SUBAGENTS_SLOTS: '8',
        npm_config_offline: 'true',
        npm_config_audit: 'false',
        // What commands are replaced with.
        PACKAGE: ROOT,
        ELSEWHERE: at('elsewhere'),
        SERVER: readUpFile(home)?.address ?? '',
        GIT_SERVER: server.url,
        FOLDER_FILE: at('folder'),
      },
    });
  let projects = 0;
  return {
    isUp: () => readUpFile(home) !== undefined,
    connect: () => Subagents.connect({ home, env: {} }),
    async shell() {
      const beside = at(`${++projects}`);
      for (const name of ['project', 'shop', 'mailer', 'api'])
        await cp(project.path, join(beside, name), { recursive: true });
      let cwd = join(beside, 'project');
      return {
        async run(line, interruptAt) {
          const ended = await inBash(line, { cwd, env: env() }, interruptAt);
          cwd = (await readFile(at('folder'), 'utf8')).trim();
          return ended;
        },
      };
    },
    [Symbol.asyncDispose]: close,
  };
}

/** What the documents' tasks are about: it takes `npm ci && npm test` once there is something done, and has the branch of a pull request. */
async function makeProject(gitServer: string): Promise<Repository> {
  const project = await temporaryRepository({
    'package.json': JSON.stringify({ name: 'project', scripts: { test: 'test -f done.txt' } }),
    'package-lock.json': JSON.stringify({ name: 'project', lockfileVersion: 3, packages: {} }),
    '.gitignore': 'node_modules\n',
    'task.md': 'Do it.\n',
  });
  await cp(join(ROOT, 'docs/examples'), join(project.path, 'docs/examples'), { recursive: true });
  await project.commit('Examples');
  await project.git('checkout', '--quiet', '-b', 'fix-login');
  const head = await project.commit('Mend the login', { 'login.txt': 'mended\n' });
  await project.git('update-ref', 'refs/pull/12/head', head);
  await project.git('checkout', '--quiet', 'main');
  await project.git('remote', 'add', 'origin', `${gitServer}/team/project.git`);
  return project;
}

/** Of the shape of the repository on GitHub, with an `ava` of its own: nothing has to be downloaded for it. */
async function makeSlugify(): Promise<Repository> {
  const slugify = await temporaryRepository({
    'package.json': JSON.stringify({ name: 'slugify', devDependencies: { ava: 'file:ava' } }),
    'ava/package.json': JSON.stringify({ name: 'ava', version: '1.0.0', bin: 'ava.js' }),
    'ava/ava.js': "#!/usr/bin/env node\nrequire('node:fs').accessSync('done.txt');\n",
    '.npmrc': 'package-lock=false\n',
    '.gitignore': 'node_modules\n',
  });
  await chmod(join(slugify.path, 'ava/ava.js'), 0o755);
  await slugify.commit('Executable');
  return slugify;
}

/** Runs a line in a process group of its own, as a terminal does; nothing of the group outlives it. */
async function inBash(
  line: string,
  options: { readonly cwd: string; readonly env: Record<string, string> },
  interruptAt?: RegExp,
): Promise<Ended> {
  const child = execa('bash', ['-c', `trap 'pwd > "$FOLDER_FILE"' EXIT\n${line}`], {
    ...options,
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    detached: true,
    reject: false,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('cannot start bash');
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-pid, name);
    } catch {
      // Nobody of the group is left.
    }
  };
  const timer = setTimeout(() => signal('SIGKILL'), COMMAND_TIMEOUT_MS);
  let output = '';
  let isInterrupted = false;
  child.all.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (isInterrupted || interruptAt?.test(output) !== true) return;
    isInterrupted = true;
    signal('SIGINT');
  });
  const { exitCode } = await child;
  clearTimeout(timer);
  signal('SIGKILL');
  return { exitCode, output };
}
