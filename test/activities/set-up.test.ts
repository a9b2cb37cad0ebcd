import { existsSync } from 'node:fs';
import { link, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { PrepareInput, ActivityProgress, Workspace } from '../../src/contract/index.ts';
import type { Home } from '../../src/home/home.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { sweep } from '../../src/home/sweep.ts';
import { readWorkspaceRecord, writeWorkspaceRecord } from '../../src/home/workspace-record.ts';
import { appeared } from '../support/git-shim.ts';
import { temporaryHome } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { activityContext, specOf, subagentRef, workspaceBench } from '../support/workspace.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

/** A worktree that is to be set up; removed after the test. */
class Subject {
  readonly repo: Repository;
  readonly home: Home;
  readonly input: PrepareInput;
  readonly workspace: Workspace;
  readonly bench: ReturnType<typeof workspaceBench>;

  private constructor(repo: Repository, home: Home, input: PrepareInput, workspace: Workspace) {
    this.repo = repo;
    this.home = home;
    this.input = input;
    this.workspace = workspace;
    this.bench = workspaceBench(home);
  }

  static async begin(): Promise<Subject> {
    const repo = await temporaryRepository({ 'a.txt': 'a\n', '.gitignore': 'node_modules/\n' });
    const home = await temporaryHome();
    onTestFinished(async () => {
      await repo[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    });
    const input = { subagent: subagentRef(), spec: specOf(repo) };
    return new Subject(repo, home, input, await workspaceBench(home).prepare(input));
  }

  setUp(commands: readonly string[], options: Parameters<typeof this.bench.setUp>[3] = {}) {
    return this.bench.setUp(this.input, this.workspace, commands, options);
  }
  path(name: string): string {
    return join(this.workspace.cwd, name);
  }
  /** A file outside of the worktree. */
  outside(name: string): string {
    return join(dirname(this.home.root), name);
  }
}

describe('set-up', () => {
  it('runs its commands in the worktree, in their order, and keeps what git ignores', async () => {
    const subject = await Subject.begin();
    const { results, problem, notes } = await subject.setUp([
      'mkdir node_modules && echo one > node_modules/x',
      'echo two >> node_modules/x; echo ready',
    ]);
    expect({ problem, notes }).toEqual({ problem: undefined, notes: [] });
    expect(results).toMatchObject([{ exitCode: 0 }, { exitCode: 0, outputTail: 'ready' }]);
    expect(await readFile(subject.path('node_modules/x'), 'utf8')).toBe('one\ntwo\n');
    const collected = await subject.bench.collect(subject.input, subject.workspace);
    expect(collected).toMatchObject({ evidence: { commitCount: 0 }, notes: [] });
  });

  it('waits for nobody: an editor, a question and a pager fail or pass at once, with words for a model', async () => {
    const subject = await Subject.begin();
    const asking = subject.outside('asking');
    await writeFile(asking, '#!/bin/sh\nsleep 600\n', { mode: 0o755 });
    for (const name of [
      'EDITOR',
      'VISUAL',
      'GIT_EDITOR',
      'GIT_PAGER',
      'MANPAGER',
      'GIT_ASKPASS',
      'SSH_ASKPASS',
    ])
      vi.stubEnv(name, asking);
    vi.stubEnv('DISPLAY', ':0');
    // Never set by us; what the machine has of it would be given on.
    vi.stubEnv('CI', undefined);
    const { results } = await subject.setUp([
      `git config core.editor ${asking}; git commit --allow-empty || true`,
      'git commit -q --allow-empty -m given && git commit -q --amend --allow-empty && git log -1 --format=%s',
      '"$SSH_ASKPASS" Password: || echo "no answer $CI"',
      'echo "${MANPAGER-none} $PAGER $TF_INPUT"',
    ]);
    expect(results.map(({ outputTail }) => outputTail)).toEqual([
      expect.stringContaining('but nobody can type here. Give the message on the command line') as string,
      'given',
      'subagents: nobody can answer here: Password:\nno answer',
      'none cat 0',
    ]);
  });

  it('leaves a program that the worker gives to its subagents', async () => {
    const subject = await Subject.begin();
    vi.stubEnv('GIT_ASKPASS', '/ci/askpass');
    vi.stubEnv('SUBAGENTS_ENV', 'GIT_ASKPASS');
    const { results } = await subject.setUp(['echo $GIT_ASKPASS']);
    expect(results).toMatchObject([{ outputTail: '/ci/askpass' }]);
  });

  it('that fails stops there, and names the command, its exit code, its last words and its whole output', async () => {
    const subject = await Subject.begin();
    const { results, problem } = await subject.setUp([
      'seq 9999; echo no such package >&2; exit 7',
      'touch x',
    ]);
    expect(problem).toMatch(/^set-up `seq 9999; .*` exited with 7 after .* s: no such package$/);
    expect(results).toHaveLength(1);
    expect(results[0]).toMatchObject({ exitCode: 7 });
    expect(results[0]?.outputTail.length).toBeLessThanOrEqual(4_000);
    expect(await readFile(results[0]?.outputFile ?? '', 'utf8')).toMatch(
      /^1\n2\n[^]*9999\nno such package\n$/,
    );
    expect(existsSync(subject.path('x'))).toBe(false);
  });

  it('that takes too long is ended, with its processes', async () => {
    const subject = await Subject.begin();
    const { problem } = await subject.setUp(['sleep 300'], { timeoutMs: 300 });
    expect(problem).toContain('timed out');
    expect(findProcesses(subject.input.subagent.copilotSessionId)).toEqual([]);
  });

  it('has neither the worker’s credentials nor its repository, and carries the subagent’s mark', async () => {
    vi.stubEnv('GH_TOKEN', 'secret');
    vi.stubEnv('TEMPORAL_API_KEY', 'secret');
    const subject = await Subject.begin();
    const { results } = await subject.setUp([
      'echo "[$GH_TOKEN$TEMPORAL_API_KEY]"',
      'env -i setsid sleep 300 &',
    ]);
    expect(results[0]?.outputTail).toBe('[]');
    expect(await sweep(subject.input.subagent.copilotSessionId)).toMatchObject({ found: 1, left: [] });
  });

  it('says in its heartbeats what runs, since when, and the last line of its output', async () => {
    const subject = await Subject.begin();
    const env = activityContext();
    const beats: ActivityProgress[] = [];
    env.on('heartbeat', (progress: ActivityProgress) => beats.push(progress));
    await subject.setUp(['true', 'echo added 3 packages; for i in $(seq 27); do sleep 0.1; done'], { env });
    expect(beats.at(-1)).toMatchObject({
      doing: expect.stringMatching(/^set-up 2 of 2: echo added .*\(added 3 packages\)$/) as string,
      lastMessage: 'added 3 packages',
    });
  });

  it('that came to its end is never run again, whether it went well or not', async () => {
    for (const command of ['echo x >> runs', 'echo x >> runs; exit 3']) {
      const subject = await Subject.begin();
      const first = await subject.setUp([`cd ..; ${command}`]);
      expect(await subject.setUp([`cd ..; ${command}`])).toEqual(first);
      expect(await readFile(subject.path('../runs'), 'utf8')).toBe('x\n');
      await rm(subject.path('../runs'));
    }
  });

  it('that failed runs again when its subagent is continued, and one that went well does not', async () => {
    const subject = await Subject.begin();
    const commands = ['echo ran >> node_modules/runs || { mkdir node_modules; exit 3; }'];
    expect((await subject.setUp(commands)).problem).toContain('exited with 3');
    let { input } = subject;
    const goOn = async () => {
      const { subagent, spec } = input;
      const { cwd, branch } = subject.workspace;
      const { run, runId, copilotSessionId } = subagent;
      const before = { run, runId, workerId: 'a-worker', copilotSessionId, handover: '' };
      input = {
        subagent: subagentRef('fix', { run: run + 1, copilotSessionId }),
        spec: { ...spec, continues: { ...before, repository: subject.repo.path, cwd, branch } },
      };
      return subject.bench.setUp(input, await subject.bench.prepare(input), commands);
    };
    expect(await goOn()).toMatchObject({ results: [{ exitCode: 0 }] });
    expect((await goOn()).problem).toBeUndefined();
    expect(await readFile(subject.path('node_modules/runs'), 'utf8')).toBe('ran\n');
  });

  it('that was cut short is begun again from its first command, on the files of the commit, its processes ended', async () => {
    const subject = await Subject.begin();
    const { cwd } = subject.workspace;
    const record = readWorkspaceRecord(cwd);
    if (!record) throw new Error('no record');
    // As a worker leaves it that is killed in the middle.
    await subject.setUp(['setsid sleep 300 & echo half > a.txt']);
    writeWorkspaceRecord(cwd, { ...record, setUp: { state: 'running' } });
    await writeFile(subject.path('a.txt'), 'half');
    const { results } = await subject.setUp(['cat a.txt']);
    expect(results[0]?.outputTail).toBe('a');
    expect(findProcesses(subject.input.subagent.copilotSessionId)).toEqual([]);
  });

  it('ends when it is cancelled, and nothing of it is taken for the subagent’s work', async () => {
    const subject = await Subject.begin();
    const env = activityContext();
    const begun = subject.outside('begun');
    const running = subject.setUp([`echo half > a.txt; echo x > half.txt; touch '${begun}'; sleep 300`], {
      env,
    });
    await appeared(begun);
    env.cancel();
    await expect(running).rejects.toMatchObject({
      name: expect.stringMatching(/^(AbortError|CancelledFailure)$/) as string,
    });
    expect(findProcesses(subject.input.subagent.copilotSessionId)).toEqual([]);
    const { evidence } = await subject.bench.collect(subject.input, subject.workspace);
    expect(evidence).toMatchObject({ commitCount: 0, filesChanged: [], savedLeftovers: false });
  });
});

describe('what set-up does to files that are not ignored', () => {
  it('is not the subagent’s: tracked ones are put back, new ones stay and are not committed', async () => {
    const subject = await Subject.begin();
    const { notes } = await subject.setUp(['echo changed > a.txt; mkdir out; echo x > "out/ä b"']);
    expect(notes).toEqual([
      'set-up changed tracked files; they were restored: "a.txt"',
      'set-up left 1 untracked files: "out/ä b"',
    ]);
    expect(await readFile(subject.path('a.txt'), 'utf8')).toBe('a\n');
    await subject.repo.write({ 'work.txt': 'x' }, subject.workspace.cwd);
    const collected = await subject.bench.collect(subject.input, subject.workspace);
    expect(collected.evidence.filesChanged).toEqual(['work.txt']);
    expect(collected.notes.join()).toContain('because set-up or verification made them: out/ä b');
    expect(existsSync(subject.path('out/ä b'))).toBe(true);
  });

  it('is left out also where it is very much', async () => {
    const subject = await Subject.begin();
    await subject.setUp(['mkdir many; for i in $(seq 1500); do echo > many/$i; done']);
    await subject.repo.write({ 'work.txt': 'x' }, subject.workspace.cwd);
    const collected = await subject.bench.collect(subject.input, subject.workspace);
    expect(collected.evidence.filesChanged).toEqual(['work.txt']);
    expect(collected.notes.join()).toContain('made them: many/');
    const again = await subject.bench.collect(subject.input, subject.workspace);
    expect(again.evidence.head).toBe(collected.evidence.head);
  });

  it('is the subagent’s once it has written there', async () => {
    const subject = await Subject.begin();
    await subject.setUp(['echo begun > notes.md; echo x > other.md; ln -s other.md link']);
    await writeFile(subject.path('notes.md'), 'begun\nand gone on with\n');
    const { evidence, notes } = await subject.bench.collect(subject.input, subject.workspace);
    expect(evidence.filesChanged).toEqual(['notes.md']);
    expect(notes.join()).toContain('made them: link, other.md');
    await rm(subject.path('link'));
    await symlink('notes.md', subject.path('link'));
    const again = await subject.bench.collect(subject.input, subject.workspace);
    expect(again.evidence.filesChanged).toEqual(['link', 'notes.md']);
  });

  it('is the subagent’s where it is very much: what has come to it or changed there, and nothing else', async () => {
    const subject = await Subject.begin();
    await subject.setUp(['mkdir many; for i in $(seq 1500); do echo > many/$i; done']);
    await writeFile(subject.path('many/7'), 'changed');
    await writeFile(subject.path('many/mine ä.txt'), 'mine');
    await link(subject.path('many/8'), subject.outside('linked'));
    const collected = await subject.bench.collect(subject.input, subject.workspace);
    expect(collected.evidence.filesChanged).toEqual(['many/7', 'many/mine ä.txt']);
    expect(collected.notes.join()).toContain('made them: many/');
    await writeFile(subject.path('many/7'), 'changed again');
    await rm(subject.path('many/mine ä.txt'));
    const { evidence } = await subject.bench.collect(subject.input, subject.workspace);
    expect(evidence.filesChanged).toEqual(['many/7']);
    expect(await subject.repo.git('show', `${evidence.head}:many/7`)).toBe('changed again');
  });

  it('must not be a commit', async () => {
    const subject = await Subject.begin();
    const { problem } = await subject.setUp(['echo b > b.txt && git add b.txt && git commit -qm b']);
    expect(problem).toBe('the set-up commands moved HEAD: they must neither commit nor check out');
  });
});
