import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { VerifyDependencies } from '../../activities/verification/verify.ts';
import type { PrepareInput, Workspace } from '../../src/contract/index.ts';
import { EndedRuns } from '../../src/home/ended-runs.ts';
import type { Home } from '../../src/home/home.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { sweep } from '../../src/home/sweep.ts';
import { runFolder } from '../../src/home/workspace-record.ts';
import { sleepingMachine } from '../support/clock.ts';
import { eventually } from '../support/eventually.ts';
import { appeared } from '../support/git-shim.ts';
import { temporaryFolder, temporaryHome } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { activityContext, specOf, subagentRef, workspaceBench } from '../support/workspace.ts';

/** Only root can mount a small disk. */
const isRootOnLinux = process.platform === 'linux' && process.getuid?.() === 0;

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

type Options = Omit<VerifyDependencies, 'home'> & { env?: ReturnType<typeof activityContext> };

/** A workspace whose commit is verified. Gone after the test. */
class Subject {
  readonly repo: Repository;
  readonly home: Home;
  readonly input: PrepareInput;
  readonly workspace: Workspace;
  head: string;

  private constructor(repo: Repository, home: Home, input: PrepareInput, workspace: Workspace) {
    this.repo = repo;
    this.home = home;
    this.input = input;
    this.workspace = workspace;
    this.head = repo.first;
  }

  static async begin(isolation: 'worktree' | 'in-place' = 'worktree'): Promise<Subject> {
    const repo = await temporaryRepository({ 'a.txt': 'a\n', '.gitignore': 'ignored\n' });
    const home = await temporaryHome();
    onTestFinished(async () => {
      await repo[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    });
    const input = { subagent: subagentRef(), spec: specOf(repo, { isolation }) };
    return new Subject(repo, home, input, await workspaceBench(home).prepare(input));
  }

  get cwd(): string {
    return this.workspace.cwd;
  }

  get outputs(): string {
    return join(this.home.paths.outputs, runFolder(this.input.subagent));
  }

  verify(commands: readonly string[], options: Options = {}) {
    return workspaceBench(this.home).verify(
      this.input,
      { cwd: this.cwd, head: this.head },
      commands,
      options,
    );
  }

  processes(): readonly string[] {
    return findProcesses(this.input.subagent.copilotSessionId).map(({ command }) => command);
  }
}

describe('verification', () => {
  it('passes when every command exits 0, and keeps the output of each', async () => {
    const subject = await Subject.begin();
    const result = await subject.verify(['pwd', 'cat a.txt && touch ignored']);
    expect(result).toMatchObject({ kind: 'verified', notes: [] });
    expect(result.problem).toBeUndefined();
    expect(result.verifications).toMatchObject([
      {
        command: 'pwd',
        exitCode: 0,
        outputTail: subject.cwd,
        outputFile: join(subject.outputs, `verify-${subject.head.slice(0, 10)}-1.log`),
      },
      { command: 'cat a.txt && touch ignored', exitCode: 0, outputTail: 'a' },
    ]);
    expect(await readFile(result.verifications[0]?.outputFile ?? '', 'utf8')).toBe(`${subject.cwd}\n`);
  });

  it('runs every command, also after one that failed, and tells the subagent all of it', async () => {
    const subject = await Subject.begin();
    const result = await subject.verify(['echo one; exit 3', 'echo fine', 'echo two >&2; false']);
    expect(result.verifications.map(({ exitCode }) => exitCode)).toEqual([3, 0, 1]);
    expect(result.problem).toMatch(
      /^Your work was verified, and it did not pass\.\n\nThe command `echo one; exit 3` exited with code 3 after \d+\.\d s\. The end of its output:\n\n {4}one\n\nThe command `echo two >&2; false` exited with code 1 after \d+\.\d s\. The end of its output:\n\n {4}two\n\nFix the cause,/,
    );
    expect(result.problem).toContain('Do not weaken, skip or remove the check');
    expect(result.problem).not.toContain('echo fine');
  });

  it('keeps both streams in the order in which they came', async () => {
    const subject = await Subject.begin();
    const { verifications } = await subject.verify(['for i in 1 2 3; do echo out $i; echo err $i >&2; done']);
    expect(verifications[0]?.outputTail).toBe('out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3');
  });

  it('bounds the end that travels and the file that stays', async () => {
    const subject = await Subject.begin();
    const command =
      'head -c 3000000 /dev/zero | tr "\\0" x; printf "\\033[31mthe end\\033[0m\\007\\n"; exit 1';
    const { verifications, notes, problem } = await subject.verify([command], { maxOutputBytes: 1_000_000 });
    expect(verifications[0]?.outputTail).toMatch(/^…x+the end$/);
    expect(verifications[0]?.outputTail).toHaveLength(4_000);
    expect(problem?.length).toBeLessThan(6_000);
    expect((await readFile(verifications[0]?.outputFile ?? '')).length).toBe(1_000_000);
    expect(notes).toEqual([`\`${command}\`: the output file ends after 1000000 bytes`]);
  });

  it.runIf(isRootOnLinux)('goes on without the file when the disk is full', async () => {
    const subject = await Subject.begin();
    await mkdir(subject.outputs, { recursive: true });
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', subject.outputs]);
    onTestFinished(async () => void (await execa('umount', ['--lazy', subject.outputs])));
    const { verifications, notes } = await subject.verify([
      'head -c 200000 /dev/zero | tr "\\0" x; echo; echo said',
    ]);
    expect(verifications[0]).toMatchObject({
      exitCode: 0,
      outputTail: expect.stringMatching(/x\nsaid$/) as string,
    });
    expect(notes.join()).toMatch(/the output file is incomplete: ENOSPC/);
  });

  it('follows no link that lies where its output goes', async () => {
    const subject = await Subject.begin();
    await subject.verify(['true']); // makes the folder
    const theirs = join(subject.home.root, 'theirs.txt');
    await writeFile(theirs, 'kept');
    const file = join(subject.outputs, `verify-${subject.head.slice(0, 10)}-1.log`);
    await rm(file);
    await symlink(theirs, file);
    const { verifications, notes } = await subject.verify(['echo said']);
    expect([await readFile(theirs, 'utf8'), await readFile(file, 'utf8')]).toEqual(['kept', 'said\n']);
    expect([verifications[0]?.exitCode, notes]).toEqual([0, []]);

    const elsewhere = join(subject.home.root, 'elsewhere');
    await mkdir(elsewhere);
    await rm(subject.outputs, { recursive: true });
    await symlink(elsewhere, subject.outputs);
    const again = await subject.verify(['echo said']);
    expect(again.verifications[0]).toMatchObject({ exitCode: 0, outputTail: 'said' });
    expect(again.notes).toEqual([
      `\`echo said\`: there is no output file: ${subject.outputs} is a symbolic link`,
    ]);
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it('goes on without the files of its output where these cannot be', async () => {
    const subject = await Subject.begin();
    await rm(subject.home.paths.outputs, { recursive: true, force: true });
    await writeFile(subject.home.paths.outputs, 'in the way');
    const { verifications, notes } = await subject.verify(['echo said']);
    expect(verifications).toMatchObject([{ exitCode: 0, outputTail: 'said' }]);
    expect(notes.join()).toMatch(/^`echo said`: there is no output file: E/);
  });

  it('names a command that does not exist', async () => {
    const subject = await Subject.begin();
    const { verifications, problem } = await subject.verify(['no-such-command --check']);
    expect(verifications).toMatchObject([
      { exitCode: 127, problem: 'not found: the shell has no such command' },
    ]);
    expect(problem).toContain('`no-such-command --check` exited with code 127');
    expect(problem).toContain('not found');
  });

  it('ends a command that never ends, and does not run the rest', async () => {
    const subject = await Subject.begin();
    const { verifications, problem } = await subject.verify(['echo begun; sleep 300', 'echo never'], {
      timeoutMs: 300,
    });
    expect(verifications).toMatchObject([
      {
        exitCode: null,
        outputTail: 'begun',
        problem: 'timed out: it still ran after 0.3 s and was killed',
      },
      { exitCode: null, outputTail: '', problem: 'not run, because `echo begun; sleep 300` took too long' },
    ]);
    expect(problem).toContain('did not pass after 0.');
    expect(problem).toContain('timed out');
    expect(subject.processes()).toEqual([]);
  });

  it('ends one that ignores SIGTERM too', async () => {
    const subject = await Subject.begin();
    const { verifications } = await subject.verify(['trap "" TERM; while :; do sleep 0.1; done'], {
      timeoutMs: 200,
    });
    expect(verifications[0]?.exitCode).toBeNull();
    expect(subject.processes()).toEqual([]);
  });

  it('runs none after the one during which its run was ended', async () => {
    const subject = await Subject.begin();
    const ended = new EndedRuns();
    const begun = join(subject.repo.path, '..', 'begun');
    const next = join(subject.repo.path, '..', 'next');
    const verified = subject.verify([`touch '${begun}'; sleep 300`, `touch '${next}'`], { ended });
    void appeared(begun).then(() => ended.end(subject.input.subagent));
    await expect(verified).rejects.toThrow('its run has ended');
    expect(existsSync(next)).toBe(false);
    expect(subject.processes()).toEqual([]);
    await expect(subject.verify([`touch '${next}'`], { ended })).rejects.toThrow('its run has ended');
    expect(existsSync(next)).toBe(false);
  });

  it('says which signal ended a command', async () => {
    const subject = await Subject.begin();
    const { verifications } = await subject.verify(['kill -SEGV $$', 'sh -c "kill -KILL \\$\\$"; exit $?']);
    expect(verifications).toMatchObject([
      { exitCode: null, problem: 'killed by SIGSEGV' },
      { exitCode: 137, problem: expect.stringContaining('SIGKILL') as string },
    ]);
  });

  it('says how long it took, without the night for which its machine slept', async () => {
    const sleepFor = sleepingMachine();
    const subject = await Subject.begin();
    const result = subject.verify(['sleep 2']);
    await eventually(() => subject.processes().includes('sleep 2'));
    sleepFor(9 * 3_600_000);
    const { workedMs } = await result;
    expect(workedMs).toBeGreaterThan(1_000);
    expect(workedMs).toBeLessThan(30_000);
  });

  it('has no terminal and no input', async () => {
    const subject = await Subject.begin();
    const { verifications } = await subject.verify(['cat; test -t 1 || echo no terminal']);
    expect(verifications[0]).toMatchObject({ exitCode: 0, outputTail: 'no terminal' });
  });

  it('uses sh where there is no bash', async () => {
    const subject = await Subject.begin();
    await using folder = await temporaryFolder();
    for (const name of ['sh', 'git', 'cat', 'env']) {
      const { stdout } = await execa('sh', ['-c', `command -v ${name}`]);
      await symlink(stdout, join(folder.path, name));
    }
    vi.stubEnv('PATH', folder.path);
    const { verifications } = await subject.verify(['echo "by ${BASH_VERSION:-another}"; cat a.txt']);
    expect(verifications[0]).toMatchObject({ exitCode: 0, outputTail: 'by another\na' });
  });
});

describe('what verification leaves alone', () => {
  it('the worker’s secrets do not reach a command', async () => {
    const subject = await Subject.begin();
    const secret = [
      'TEMPORAL_API_KEY',
      'COPILOT_PROVIDER_API_KEY',
      'OPENAI_API_KEY',
      'ANTHROPIC_API_KEY',
      'GITHUB_TOKEN',
      'GH_TOKEN',
      'COPILOT_GITHUB_TOKEN',
    ];
    for (const name of secret) vi.stubEnv(name, 'canary');
    vi.stubEnv('GIT_DIR', '/nowhere');
    vi.stubEnv('MINE', 'kept');
    const { verifications } = await subject.verify(['env', 'git status --short --branch']);
    const output = await readFile(verifications[0]?.outputFile ?? '', 'utf8');
    expect(output).not.toContain('canary');
    expect(output).toContain('MINE=kept');
    expect(verifications[1]).toMatchObject({ exitCode: 0, outputTail: '## subagents/fix' });
  });

  it('a commit or a checkout by a command is a problem', async () => {
    const subject = await Subject.begin();
    const moved = await subject.verify([
      'git -c user.name=x -c user.email=x commit --quiet --allow-empty -m sneaky',
    ]);
    expect(moved.verifications[0]?.exitCode).toBe(0);
    expect(moved.problem).toContain('The commands moved HEAD');
    expect(moved.reason).toMatch(
      /^The commands moved HEAD: it is .* now\. Verification must not commit or check out\.$/,
    );
    expect((await subject.verify(['true'])).problem).toContain(`but ${subject.head} was to be verified`);
    expect((await subject.verify(['true'])).verifications).toEqual([]);
  });

  it('what commands do to its branch is undone, and the work stays on it', async () => {
    const subject = await Subject.begin();
    const { repo, cwd } = subject;
    const head = await repo.commit('Work', { 'n.txt': 'n' }, cwd);
    subject.head = head;
    const commands = [
      'git update-ref refs/heads/subagents/fix HEAD~1; git reset --quiet',
      'git reset --quiet --hard HEAD~1',
      'git checkout --quiet --detach; git branch --quiet -D subagents/fix; git checkout --quiet main --detach',
      'git symbolic-ref refs/heads/subagents/fix refs/heads/main',
    ];
    for (const command of commands) {
      const { problem, notes } = await subject.verify([command]);
      expect(problem).toContain('The commands moved HEAD');
      expect(notes.join()).toMatch(/subagents\/fix .* (moved back|made again) to|a normal branch again/);
      expect(await repo.git('rev-parse', 'subagents/fix', 'main')).toBe(`${head}\n${repo.first}`);
      const { evidence } = await workspaceBench(subject.home).collect(subject.input, subject.workspace);
      expect(evidence).toMatchObject({ head, commitCount: 1, filesChanged: ['n.txt'] });
      expect(existsSync(join(cwd, 'n.txt'))).toBe(true);
    }
  });

  it('a command that moves branches of others is told', async () => {
    const subject = await Subject.begin();
    await subject.repo.git('branch', 'gone');
    const { problem, notes } = await subject.verify([
      'git update-ref refs/heads/main $(git commit-tree -m sneaky HEAD^{tree}) && git branch -q -D gone && git tag made',
    ]);
    expect(problem).toBeUndefined();
    expect(notes).toEqual([
      'branches and tags of the repository changed while the verification ran: gone (deleted), made (new), main (moved)',
    ]);
    expect((await subject.verify(['true'])).notes).toEqual([]);
  });

  it('a tracked file that a command changes is a problem', async () => {
    const subject = await Subject.begin();
    const { problem } = await subject.verify(['echo formatted > a.txt']);
    expect(problem).toContain('The commands changed tracked files: "a.txt".');
    expect(await readFile(join(subject.cwd, 'a.txt'), 'utf8')).toBe('formatted\n');
  });

  it('what an interrupted verification had changed is put back first, and kept', async () => {
    const subject = await Subject.begin();
    const env = activityContext();
    const interrupted = subject.verify(['echo half > a.txt; echo x > made.txt; sleep 300'], { env });
    await appeared(join(subject.cwd, 'made.txt'));
    env.cancel('CANCELLED');
    await expect(interrupted).rejects.toThrow();
    const { verifications, problem, notes } = await subject.verify(['cat a.txt']);
    expect(verifications[0]?.outputTail).toBe('a');
    expect(problem).toBeUndefined();
    const [, kept = ''] = /an interrupted verification .* kept in (\S+)/.exec(notes.join()) ?? [];
    expect(await subject.repo.git('show', `${kept}:a.txt`)).toBe('half');
    const { evidence } = await workspaceBench(subject.home).collect(subject.input, subject.workspace);
    expect(evidence).toMatchObject({ commitCount: 0, head: subject.head });
  });

  it('the locks of a git that was killed in an interrupted verification are gone for the next', async () => {
    const subject = await Subject.begin();
    const own = join(subject.repo.path, '.git/worktrees', basename(subject.cwd));
    for (const lock of ['index.lock', 'HEAD.lock']) await writeFile(join(own, lock), '');
    const { verifications } = await subject.verify([
      'git update-index --assume-unchanged a.txt && git update-index --no-assume-unchanged a.txt',
    ]);
    expect(verifications).toMatchObject([{ exitCode: 0 }]);
    expect(existsSync(join(own, 'HEAD.lock'))).toBe(false);
  });

  it('an untracked file that a command makes is noted, and not taken for the subagent’s', async () => {
    const subject = await Subject.begin();
    const { problem, notes } = await subject.verify(['mkdir coverage && echo x > "coverage/ä b.html"']);
    expect(problem).toBeUndefined();
    expect(notes).toEqual(['the verification left 1 untracked files: "coverage/ä b.html"']);
    await subject.repo.write({ 'work.txt': 'x' }, subject.cwd);
    const collected = await workspaceBench(subject.home).collect(subject.input, subject.workspace);
    expect(collected.evidence.filesChanged).toEqual(['work.txt']);
    expect(collected.notes.join()).toContain('because set-up or verification made them: coverage/ä b.html');
    expect(existsSync(join(subject.cwd, 'coverage/ä b.html'))).toBe(true);
  });

  it('an untracked file that a command makes again and again is never the subagent’s, unless it writes there', async () => {
    const subject = await Subject.begin();
    const bench = workspaceBench(subject.home);
    const command = 'date +%s%N > report.txt';
    for (let round = 0; round < 3; round++) {
      expect((await subject.verify([command])).problem).toBeUndefined();
      const { evidence } = await bench.collect(subject.input, subject.workspace);
      expect(evidence.filesChanged).toEqual([]);
    }
    await subject.repo.write({ 'report.txt': 'what it was asked to write' }, subject.cwd);
    const { evidence } = await bench.collect(subject.input, subject.workspace);
    expect(evidence).toMatchObject({ filesChanged: ['report.txt'], savedLeftovers: true });
  });

  it('in-place, changes that were there before are no problem, and further ones are', async () => {
    const subject = await Subject.begin('in-place');
    await subject.repo.write({ 'a.txt': 'changed\n', 'new.txt': 'x' });
    expect((await subject.verify(['cat a.txt'])).problem).toBeUndefined();
    expect((await subject.verify(['echo more >> a.txt'])).problem).toContain('"a.txt"');
  });

  it('in-place, a file of the user’s that is called like a record of ours', async () => {
    const subject = await Subject.begin('in-place');
    await writeFile(`${subject.cwd}.json`, '{ "name": "theirs" }');
    expect(await subject.verify(['cat a.txt'])).toMatchObject({ kind: 'verified', notes: [] });
    expect(await readFile(`${subject.cwd}.json`, 'utf8')).toBe('{ "name": "theirs" }');
  });

  it('in-place, a program that was configured meanwhile does not run for our calls', async () => {
    const subject = await Subject.begin('in-place');
    const ran = join(dirname(subject.cwd), 'ran');
    await subject.repo.git('config', 'filter.late.clean', `touch '${ran}'; cat`);
    await subject.repo.write({ '.git/info/attributes': 'a.txt filter=late\n', 'a.txt': 'b\n' });
    await subject.verify(['true']);
    expect(existsSync(ran)).toBe(false);
    await subject.repo.git('status');
    expect(existsSync(ran)).toBe(true);
  });
});

describe('processes of a verification', () => {
  it('end with their command, and are noted', async () => {
    const subject = await Subject.begin();
    const begun = Date.now();
    const { verifications, notes } = await subject.verify(['sleep 300 & echo done']);
    expect(verifications[0]).toMatchObject({ exitCode: 0, outputTail: 'done' });
    expect(notes).toEqual(['`sleep 300 & echo done` left processes running; they were killed']);
    expect(Date.now() - begun).toBeLessThan(120_000);
    expect(subject.processes()).toEqual([]);
  });

  it('end with it also when they have a process group of their own', async () => {
    const subject = await Subject.begin();
    const { notes } = await subject.verify(['set -m; sleep 300 & echo done']);
    expect(notes.join()).toContain('left processes running');
    expect(subject.processes()).toEqual([]);
  });

  it('carry the subagent’s mark, so that its sweep ends those that got away', async () => {
    const subject = await Subject.begin();
    const { verifications } = await subject.verify([
      'env -i setsid sleep 300 & echo $COPILOT_AGENT_SESSION_ID',
    ]);
    expect(verifications[0]?.outputTail).toBe(subject.input.subagent.copilotSessionId);
    expect(subject.processes()).toEqual(['sleep 300']);
    expect(await sweep(subject.input.subagent.copilotSessionId)).toMatchObject({
      found: 1,
      ended: 1,
      left: [],
    });
  });

  it('end when the activity is cancelled, within seconds even when they ignore SIGTERM', async () => {
    const subject = await Subject.begin();
    const env = activityContext();
    const begun = join(dirname(subject.home.root), 'begun');
    const command = `trap "" TERM; (trap "" TERM; sleep 300) & touch '${begun}'; while :; do sleep 0.1; done`;
    const running = subject.verify([command, 'echo never'], { env });
    await appeared(begun);
    const cancelled = Date.now();
    env.cancel();
    await expect(running).rejects.toMatchObject({
      name: expect.stringMatching(/^(AbortError|CancelledFailure)$/) as string,
    });
    // Where nothing runs beside; each of its steps may be late.
    expect(Date.now() - cancelled).toBeLessThan(20_000);
    expect(subject.processes()).toEqual([]);
  });

  it('do not keep the activity from its heartbeats', async () => {
    const subject = await Subject.begin();
    const env = activityContext();
    let beats = 0;
    env.on('heartbeat', () => beats++);
    const command = 'for i in $(seq 47); do sleep 0.1; done';
    await subject.verify([command], { env });
    expect(beats).toBeGreaterThanOrEqual(2);
  });
});
