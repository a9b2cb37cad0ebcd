/** A worktree in which a shell script works as a subagent would. */
import { join } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import type { PrepareInput, ResolvedSpec, Workspace } from '../../src/contract/index.ts';
import type { Home } from '../../src/home/home.ts';
import { temporaryFolder, temporaryHome } from './home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from './repository.ts';
import { specOf, subagentRef, workspaceBench } from './workspace.ts';

/** Gone after the test. */
export class Work {
  readonly repo: Repository;
  /** Configuration of the user's that a fresh clone has as well, such as a filter: keys with their values. */
  readonly configuration: Record<string, string> = {};
  readonly home: Home;
  readonly input: PrepareInput;
  readonly workspace: Workspace;

  private constructor(repo: Repository, home: Home, input: PrepareInput, workspace: Workspace) {
    this.repo = repo;
    this.home = home;
    this.input = input;
    this.workspace = workspace;
  }

  static async begin(
    ready: (repo: Repository) => Promise<unknown> = async () => undefined,
    given: Partial<ResolvedSpec> = {},
  ): Promise<Work> {
    const repo = await temporaryRepository({
      'a.txt': 'a\n',
      'in/i': 'i\n',
      'out/o': 'o\n',
      '.gitignore': 'build/\n',
    });
    const home = await temporaryHome();
    onTestFinished(async () => {
      await repo[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    });
    await ready(repo);
    const commit = await repo.git('rev-parse', 'HEAD');
    const spec = specOf(repo, { base: { commit, name: 'HEAD' }, ...given });
    const input = { subagent: subagentRef(), spec };
    return new Work(repo, home, input, await workspaceBench(home).prepare(input));
  }

  get cwd(): string {
    return this.workspace.cwd;
  }

  get bench() {
    return workspaceBench(this.home);
  }

  /** What the subagent does. */
  async does(script: string): Promise<void> {
    const env = { ...NO_GIT_CONFIGURATION, GIT_CONFIG_SYSTEM: join(this.home.root, 'gitconfig') };
    const identity = ['user.name=S', 'user.email=s@example.com'].map((each) => `-c ${each}`).join(' ');
    await execa('sh', ['-ec', `g() { git ${identity} "$@"; }\n${script}`], { cwd: this.cwd, env });
  }

  /** Collects, then verifies what was collected. */
  async verified(...commands: string[]) {
    const { evidence, caveats, notes } = await this.bench.collect(this.input, this.workspace);
    const { head } = evidence;
    const result = await this.bench.verify(this.input, { cwd: this.cwd, head }, commands);
    const codes = result.verifications.map(({ exitCode }) => exitCode);
    const unsaved = (evidence.unsaved ?? []).map(({ path }) => path);
    return { evidence, caveats, notes, head, result, codes, unsaved };
  }

  /** The exit codes of the same commands in a fresh clone, with `head` checked out. */
  async fresh(head: string, ...commands: string[]): Promise<(number | undefined)[]> {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'fresh');
    await this.repo.git('clone', '--quiet', '--no-checkout', this.repo.path, path);
    for (const each of Object.entries(this.configuration)) await this.repo.in(path)('config', ...each);
    await this.repo.in(path)('checkout', '--quiet', '--detach', head);
    const codes = [];
    for (const command of commands)
      codes.push((await execa('sh', ['-c', command], { cwd: path, reject: false })).exitCode);
    return codes;
  }
}
