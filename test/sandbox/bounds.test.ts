/** What takes too much in a sandbox is ended, is told why, and stands in the outcome; nobody else is harmed. */
import { spawn as start } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { Outcome, SpawnSpec, Subagents } from '../../src/client/index.ts';
import { countEnded, watchBounds } from '../../src/sandbox/bounds/watch.ts';
import { behindWalls, type Walls } from '../../src/sandbox/walls.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryFolder } from '../support/home.ts';
import { it } from '../support/sandbox.ts';
import { bash, on, until } from '../support/turns.ts';

/** Small, so that the machine of the tests does not feel the attempts. */
const BOUNDS = { memory: 300e6, processes: 100, disk: 200e6 };

const python = (code: string): string => `python3 - <<'END'\n${code}\nEND`;
/** Attempts by what they take. Each ends by itself after some time, should nothing end it. */
const TAKES = {
  'fork bomb': { of: 'processes', script: 'b() { b | b & }; ulimit -t 20; b; sleep 20' },
  'fork bomb that leaves its session': {
    of: 'processes',
    script: `ulimit -t 20; b() { setsid bash -c "$(declare -f b); b; b" & sleep 20; }; b`,
  },
  'many threads': {
    of: 'processes',
    script: python(
      'import threading,time\nfor i in range(110): threading.Thread(target=time.sleep,args=(20,)).start()',
    ),
  },
  'memory of many processes': {
    of: 'memory',
    script: `for i in 1 2 3 4 5 6; do python3 -c 'x=bytearray(10**8); import time; time.sleep(20)' & done; wait`,
  },
  'memory that no process has mapped': {
    of: 'memory',
    script: python(
      'import os,time\nfs=[os.memfd_create(str(i)) for i in range(8)]\nfor f in fs:\n  for _ in range(100): os.write(f,bytes(10**6))\ntime.sleep(20)',
    ),
  },
  'many files': {
    of: 'disk',
    script: 'for i in $(seq 60); do head -c 10M /dev/zero > fill$i; done; sleep 20',
  },
  'files without a name': {
    of: 'disk',
    script: python(
      "import os,time\nfs=[]\nfor i in range(10):\n  f=open('n%d'%i,'wb'); os.unlink('n%d'%i); fs.append(f); f.write(bytes(5*10**7)); f.flush()\ntime.sleep(20)",
    ),
  },
} as const;

describe('a command', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let watch: ReturnType<typeof watchBounds>;
  const log: string[] = [];
  const wallsOf = (name: string): Walls => {
    const path = join(folder.path, name);
    for (const each of ['', 'work', 'home', 'tmp']) mkdirSync(join(path, each), { recursive: true });
    const folders = ['work', 'home', 'tmp'].map((each) => join(path, each));
    return {
      ...{
        writable: folders.slice(0, 1),
        readable: [],
        home: join(path, 'home'),
        temporary: join(path, 'tmp'),
      },
      bounds: { ...BOUNDS, running: join(folder.path, 'running'), sandbox: path, folders },
    };
  };
  /** Runs a script behind walls to its end. */
  const run = async (walls: Walls, script: string) => {
    const cwd = walls.writable[0] ?? '/';
    const { file, args } = behindWalls(walls, { file: 'bash', args: ['-c', script], cwd });
    const child = start(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (piece: Buffer) => (output += piece.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, output };
  };

  beforeAll(async () => {
    folder = await temporaryFolder();
    mkdirSync(join(folder.path, 'running'));
    watch = watchBounds(join(folder.path, 'running'), (line) => log.push(line));
  });
  afterAll(async () => {
    watch?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  it.each(Object.entries(TAKES))('%s: is ended, and says why', async (name, { of, script }) => {
    const walls = wallsOf(name.replaceAll(' ', '-'));
    const ended = countEnded(walls.bounds);
    const { code, output } = await run(walls, script);
    expect(code).toBe(137);
    expect(output).toMatch(
      /\nsubagents: this command was ended, with all that it had started: |^subagents: this/,
    );
    expect(ended()).toMatchObject([{ tool: of, count: 1 }]);
    expect(readdirSync(walls.bounds.running)).toEqual([]);
  });

  it('one process cannot take all at once, nor write one large file', async () => {
    const { output } = await run(
      wallsOf('limits'),
      `python3 -c 'x=bytearray(3*10**9)' 2>&1 | tail -n 1; head -c 300M /dev/zero > large; stat -c %s large; rm large`,
    );
    expect(output).toContain('MemoryError');
    expect(output).toMatch(/^(1999\d+|200000000)$/m);
  });

  it('what processes share is counted once, and what keeps within the bounds is not touched', async () => {
    const { code, output } = await run(
      wallsOf('shared'),
      `${python("import os,time\nx=bytearray(10**8)\nfor i in range(5):\n  if os.fork()==0: time.sleep(2); os._exit(0)\ntime.sleep(2)\nprint('whole')")}\nexit 7`,
    );
    expect([code, output]).toEqual([7, 'whole\n']);
  });

  it('over the bound of its disk, it can still remove files', async () => {
    const walls = wallsOf('remove');
    expect((await run(walls, TAKES['many files'].script)).code).toBe(137);
    expect(await run(walls, 'rm -f fill*; sleep 1; ls | wc -l')).toEqual({ code: 0, output: '0\n' });
    expect((await run(walls, TAKES['many files'].script)).code).toBe(137);
  });

  it('ends with the program that started it', async () => {
    const walls = wallsOf('alone');
    const cwd = walls.writable[0] ?? '/';
    const program = behindWalls(walls, {
      file: 'sh',
      args: ['-c', 'while :; do date > now; sleep 0.05; done'],
      cwd,
    });
    const command = [program.file, ...program.args]
      .map((each) => `'${each.replaceAll("'", "'\\''")}'`)
      .join(' ');
    const parent = start('sh', ['-c', `${command} & wait`], { stdio: 'ignore' });
    await until('its first sign', () => readdirSync(cwd).includes('now'));
    parent.kill('SIGKILL');
    const last = (): string => readFileSync(join(cwd, 'now'), 'utf8');
    await until('its end', async () => {
      const before = last();
      await delay(1_200);
      return last() === before;
    });
  });
});

describe('a subagent', () => {
  let fleet: Fleet;
  let subagents: Subagents;
  const spawn = (spec: SpawnSpec) => subagents.session('default').spawn(spec, { cwd: fleet.repository.path });
  const result = (label: string): Promise<Outcome> => subagents.session('default').subagent(label).result();

  beforeAll(async () => {
    fleet = await startFleet(
      [
        on('take everything', [
          bash(TAKES['fork bomb'].script),
          bash(TAKES['memory of many processes'].script),
          bash(TAKES['many files'].script),
          bash('rm -f fill*; echo went on > on.txt'),
          { text: 'Took.' },
        ]),
        on('work beside it', [
          ...Array.from({ length: 6 }, (_, index) => bash(`sleep 0.5; echo ${index} >> beside.txt`)),
          { text: 'Worked.' },
        ]),
        on('verify too much', [bash('echo 1 > made.txt'), { text: 'Made.' }]),
      ],
      {
        env: {
          SUBAGENTS_SANDBOX_MEMORY: `${BOUNDS.memory / 1e6}MB`,
          SUBAGENTS_SANDBOX_PROCESSES: String(BOUNDS.processes),
          SUBAGENTS_SANDBOX_DISK: `${BOUNDS.disk / 1e6}MB`,
        },
      },
    );
    subagents = await fleet.connect();
  });
  afterAll(async () => {
    await subagents?.close();
    await fleet?.[Symbol.asyncDispose]();
  });

  it('is told, goes on, and its outcome counts it; its neighbour and the worker are unharmed', async () => {
    const { pid } = fleet.worker;
    await Promise.all([
      spawn({ label: 'taker', task: 'take everything', sandbox: true }),
      spawn({ label: 'beside', task: 'work beside it', sandbox: true }),
    ]);
    const [taker, beside] = await Promise.all([result('taker'), result('beside')]);
    expect(taker.status).toBe('done');
    expect(taker.evidence?.filesChanged).toEqual(['on.txt']);
    expect(taker.denials).toEqual([
      { tool: 'processes', what: 'more than 100', count: 1 },
      { tool: 'memory', what: 'more than 300 MB', count: 1 },
      { tool: 'disk', what: 'more than 200 MB', count: 1 },
    ]);
    expect(taker.notes).toContain(
      '3 commands were ended, because its sandbox took more than it may: processes (more than 100), memory (more than 300 MB), disk (more than 200 MB)',
    );
    const told = fleet.model.requests
      .filter(({ conversation }) => conversation?.userMessages[0]?.includes('take everything'))
      .map(({ conversation }) => conversation?.text ?? '');
    for (const words of [
      'more processes and threads than the 100',
      'more memory than the 300 MB',
      'more disk space',
    ])
      expect(told.at(-1)).toContain(words);
    expect(beside.status).toBe('done');
    expect(beside.denials).toEqual([]);
    expect(() => process.kill(pid, 0)).not.toThrow();
  });

  it('its set-up and its verification are bounded, too', async () => {
    await spawn({
      label: 'verified',
      task: 'verify too much',
      sandbox: true,
      verify: [TAKES['memory of many processes'].script],
    });
    const verified = await result('verified');
    expect(verified.failure?.class).toBe('verification');
    expect(verified.verifications[0]?.outputTail).toContain('more memory than the 300 MB');
    await spawn({
      label: 'set-up',
      task: 'verify too much',
      sandbox: true,
      setup: [TAKES['many files'].script],
    });
    expect((await result('set-up')).failure?.message).toContain('more disk space');
  });
});
