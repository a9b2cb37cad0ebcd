/** Set-up and verification on a disk that is full, a small one of its own: they wait until there is space. */
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { waitForSpaceFirst } from '../../activities/slot/space-gate.ts';
import type { SpaceSignal } from '../../src/contract/index.ts';
import { EndedRuns } from '../../src/home/ended-runs.ts';
import { openHome } from '../../src/home/home.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/home.ts';
import { temporaryRepository } from '../support/repository.ts';
import { activityContext, specOf, subagentRef, workspaceBench } from '../support/workspace.ts';

const MB = 1_000_000;
const space = { reserveBytes: 20 * MB };

/** A worktree in a home on a disk of 64 MB. */
async function small() {
  const folder = await temporaryFolder();
  const disk = join(folder.path, 'disk');
  await mkdir(disk);
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk]);
  const repo = await temporaryRepository();
  onTestFinished(async () => {
    await execa('umount', ['--lazy', disk]);
    await folder[Symbol.asyncDispose]();
    await repo[Symbol.asyncDispose]();
  });
  const home = await openHome(join(disk, 'home'));
  const bench = workspaceBench(home);
  const input = { subagent: subagentRef(), spec: specOf(repo) };
  const workspace = await bench.prepare(input);
  const ballast = join(disk, 'ballast');
  return {
    bench: { ...bench, home },
    input,
    workspace,
    fill: () => writeFile(ballast, Buffer.alloc(50 * MB)),
    free: () => rm(ballast),
  };
}

describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('on a full disk', () => {
  it('set-up waits, says so, and goes on', async () => {
    const { bench, input, workspace, fill, free } = await small();
    await fill();
    const env = activityContext();
    const said: string[] = [];
    env.on('heartbeat', ({ doing }: { doing: string }) => said.push(doing));
    const setUp = bench.setUp(input, workspace, ['touch made'], { space, env });
    await eventually(() => said.some((doing) => doing.startsWith('waits for space: only ')) || undefined);
    expect(existsSync(join(workspace.cwd, 'made'))).toBe(false);
    await free();
    expect((await setUp).results).toMatchObject([{ exitCode: 0 }]);
    expect(existsSync(join(workspace.cwd, 'made'))).toBe(true);
  });

  it('a verification command under which the space goes is ended, and run again', async () => {
    const { bench, input, workspace, fill, free } = await small();
    const { evidence } = await bench.collect(input, workspace);
    const { cwd } = workspace;
    const began = join(cwd, '../began');
    const told: SpaceSignal[] = [];
    const verified = bench.verify(
      input,
      { cwd, head: evidence.head },
      [`echo x >> ${began}; test -e ${began}-go || sleep 600`],
      { space: { ...space, report: (wait) => Promise.resolve(told.push(wait)) } },
    );
    await eventually(() => existsSync(began) || undefined);
    await fill();
    await writeFile(`${began}-go`, '');
    await eventually(() => told.length > 0 || undefined);
    await eventually(async () => {
      const { stdout } = await execa('pgrep', ['-f', `${began}-go`], { reject: false });
      return stdout === '' || undefined;
    });
    await free();
    const { verifications, notes, problem } = await verified;
    expect(verifications).toMatchObject([{ exitCode: 0 }]);
    expect(problem).toBeUndefined();
    // While it lasted, and that it was over.
    expect(told).toEqual([{ lack: expect.stringMatching(/^only .* are free/) as string }, {}]);
    expect(notes.join()).toContain(
      'was stopped because the disk was full, and run again once there was space: only ',
    );
  });

  it('whatever begins waits, but for what saves the work of a run that is being ended', async () => {
    const { bench, input, fill, free } = await small();
    const ended = new EndedRuns();
    const said: string[] = [];
    const collect = waitForSpaceFirst({ home: bench.home, space, ended }, ({ subagent }: typeof input) =>
      Promise.resolve(said.push(subagent.label)),
    );
    await fill();
    const waiting = activityContext();
    const doings: string[] = [];
    waiting.on('heartbeat', ({ doing }: { doing: string }) => doings.push(doing));
    const first = waiting.run(collect, input);
    await eventually(() => doings.some((doing) => doing.startsWith('waits for space: only ')) || undefined);
    const cancelled = activityContext();
    const second = cancelled.run(collect, { ...input, subagent: { ...input.subagent, run: 2 } });
    cancelled.cancel();
    await expect(second).rejects.toThrow();
    expect(said).toEqual([]);
    const another = { ...input, subagent: { ...input.subagent, run: 3, label: 'killed' } };
    const third = activityContext().run(collect, another);
    ended.end(another.subagent);
    await third;
    expect(said).toEqual(['killed']);
    await free();
    await first;
    expect(said).toEqual(['killed', input.subagent.label]);
  });

  it('a command that takes the space itself again and again fails with the reason', async () => {
    const { bench, input, workspace } = await small();
    const hog =
      'dd if=/dev/zero of="$PWD/../hog" bs=1M count=50 2>/dev/null; sleep 2; rm -f "$PWD/../hog"; exit 1';
    const setUp = bench.setUp(input, workspace, [`trap 'rm -f "$PWD/../hog"; exit 1' TERM; (${hog})`], {
      space,
    });
    await expect(setUp).rejects.toMatchObject({
      message: expect.stringContaining('was stopped 3 times because the disk was full') as string,
    });
  });
});
