/** What is verified is what a checkout of the commit has: whatever hides in a worktree is committed, or named and put aside. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { likelySecret } from '../../src/git/commits/commit-limits.ts';
import { startChild } from '../support/child.ts';
import { temporaryFolder } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from '../support/repository.ts';
import { Work } from '../support/work.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
  vi.stubEnv('XDG_CONFIG_HOME', '/nonexistent');
});
afterEach(() => vi.unstubAllEnvs());

const sparse = (repo: Repository) => repo.git('sparse-checkout', 'set', 'in');

describe('what hides from git status', () => {
  const committed: [string, string, string, ((repo: Repository) => Promise<unknown>)?][] = [
    ['a new file outside of the sparse cone', 'mkdir new; echo n > new/n.txt', 'test -f new/n.txt', sparse],
    [
      'an edit outside of the sparse cone',
      'mkdir -p out; echo changed > out/o',
      'git show HEAD:out/o | grep changed',
      sparse,
    ],
    [
      'assume-unchanged',
      'git update-index --assume-unchanged a.txt; echo changed > a.txt',
      'grep changed a.txt',
    ],
    ['skip-worktree', 'git update-index --skip-worktree a.txt; echo changed > a.txt', 'grep changed a.txt'],
    ['a deletion under skip-worktree', 'git update-index --skip-worktree a.txt; rm a.txt', 'test ! -f a.txt'],
    [
      'core.ignoreStat',
      'git config core.ignoreStat true; git checkout -q -- .; git update-index --refresh; git update-index --assume-unchanged in/i; echo changed > in/i',
      'grep changed in/i',
    ],
    [
      'an untracked cache that is old',
      'git config core.untrackedCache true; git update-index --untracked-cache; git status; echo n > n.txt',
      'test -f n.txt',
    ],
    [
      'core.fileMode off',
      'git config core.fileMode false; echo "echo hi" > run.sh; chmod +x run.sh',
      './run.sh',
    ],
    [
      'core.worktree that leads elsewhere',
      'git config extensions.worktreeConfig true; git config --worktree core.worktree /tmp; echo n > n.txt',
      'test -f n.txt',
    ],
    [
      'a broken index',
      'echo changed > a.txt; echo nonsense > "$(git rev-parse --git-dir)/index"',
      'grep changed a.txt',
    ],
    [
      'what lies beside an index, and in its place,',
      'echo changed > a.txt; cd "$(git rev-parse --git-dir)"; rm index; mkdir index index.lock; echo x > index.lock/x; ln -s "$(git rev-parse --git-common-dir)/description" index.subagents',
      'grep changed a.txt && ! grep DIRC "$(git rev-parse --git-common-dir)/description"',
    ],
  ];
  it.each(committed)('%s is committed', async (_, script, command, ready) => {
    const work = await Work.begin(ready);
    await work.does(script);
    const { codes, head, unsaved, result } = await work.verified(command);
    expect({ codes, unsaved, problem: result.problem }).toEqual({
      codes: [0],
      unsaved: [],
      problem: undefined,
    });
    expect(await work.fresh(head, command)).toEqual([0]);
  });

  it('what a sparse checkout leaves out stays out, and in the commit', async () => {
    const work = await Work.begin(sparse);
    await work.does('echo changed > in/i');
    const { codes, head } = await work.verified('test ! -e out', 'grep changed in/i');
    expect(codes).toEqual([0, 0]);
    expect(await work.repo.git('ls-tree', '--name-only', head)).toContain('out');
  });

  const hidden: [string, string, string, string, string, ((repo: Repository) => Promise<unknown>)?][] = [
    [
      'a repository of its own',
      'git init -q app; echo > app/src.js',
      'test -f app/src.js',
      'app/',
      'separate git repository',
    ],
    [
      'a repository that was added as a link',
      'git init -q app; echo > app/src.js; (cd app; g add .; g commit -qm 1); g -c advice.addEmbeddedRepo=false add app; g commit -qm app',
      'test -f app/src.js',
      'app/',
      '.gitmodules',
    ],
    [
      'info/exclude',
      'echo "*.js" >> "$(git rev-parse --git-common-dir)/info/exclude"; mkdir app; echo > app/src.js',
      'test -f app/src.js',
      'app/src.js',
      'info/exclude',
    ],
    [
      'core.excludesFile',
      'echo "*.js" > .git-x; git config core.excludesFile "$PWD/.git-x"; echo > src.js',
      'test -f src.js',
      'src.js',
      'ignored by',
    ],
    [
      'a required filter that fails on it',
      'echo "*.f filter=x" > .gitattributes; echo BAD > c.f',
      'test -f c.f',
      'c.f',
      'filter',
      (repo: Repository) =>
        repo
          .git('config', 'filter.x.clean', 'grep -v BAD')
          .then(() => repo.git('config', 'filter.x.required', 'true')),
    ],
    [
      'an encoding that it is not in',
      'echo "*.u working-tree-encoding=UTF-16" > .gitattributes; printf x > c.u',
      'test -f c.u',
      'c.u',
      'encoding',
    ],
    [
      'a .gitignore that ignores itself',
      'mkdir app; echo "*" > app/.gitignore; echo > app/src.js',
      'test -f app/src.js',
      'app/src.js',
      'app/.gitignore',
    ],
  ];
  it.each(hidden)(
    '%s is named, and put aside while the commands run',
    async (_, script, command, path, reason, ready) => {
      // What it configures counts, as does what its subagent configures.
      const work = await Work.begin(ready, { trustRepo: true });
      await work.does(script);
      const { codes, head, evidence, unsaved, caveats, result } = await work.verified(command, 'true');
      expect(unsaved).toContain(path);
      expect(evidence.unsaved?.find((each) => each.path === path)?.reason).toContain(reason);
      expect(codes).toEqual([1, 0]);
      expect(await work.fresh(head, command)).toEqual([1]);
      expect(result.problem).toContain('in no commit');
      expect(caveats[0]).toMatchObject({ kind: 'unsaved-work', grade: 'blocking' });
      // It is back.
      await execa('sh', ['-c', command], { cwd: work.cwd });
      expect(existsSync(`${work.cwd}.aside`)).toBe(false);
    },
  );

  it('uncommitted work in a submodule is named, also what the index of the submodule hides', async () => {
    const sub = await temporaryRepository({ 's.txt': 's\n' }, { name: 'sub' });
    onTestFinished(() => sub[Symbol.asyncDispose]());
    const work = await Work.begin(async (repo) => {
      await repo.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', sub.path, 'sub');
      await repo.commit('A submodule');
      // Settings of users by which calls of ours would write in submodules, or fail.
      await repo.git('config', 'submodule.recurse', 'true');
      await repo.git('config', 'diff.orderFile', '/nonexistent/order');
    });
    await work.does('cd sub; git update-index --assume-unchanged s.txt; echo changed > s.txt');
    const { codes, evidence } = await work.verified('grep changed sub/s.txt', 'grep s sub/s.txt');
    expect(evidence.unsaved).toMatchObject([
      { path: 'sub/', reason: expect.stringContaining('sub/s.txt') as string },
    ]);
    expect(codes).toEqual([1, 0]);
    expect(await readFile(join(work.cwd, 'sub/s.txt'), 'utf8')).toBe('changed\n');
  });

  it('what a .gitignore of the branch ignores is listed by top folder, and stays there', async () => {
    const work = await Work.begin();
    await work.does(
      'echo "*.log" >> .gitignore; mkdir -p build/x logs; echo > build/x/y; echo > logs/a.log; echo > b.log',
    );
    const { codes, evidence, caveats, unsaved } = await work.verified('test -f build/x/y');
    expect({ codes, unsaved, ignored: evidence.ignored }).toEqual({
      codes: [0],
      unsaved: [],
      ignored: ['b.log', 'build/', 'logs/'],
    });
    expect(caveats).toMatchObject([{ kind: 'ignored-files', grade: 'advisory' }]);
  });

  it('neither what set-up made nor what verification makes counts as left by the subagent', async () => {
    const work = await Work.begin();
    await work.bench.setUp(work.input, work.workspace, ['mkdir build; echo > build/deps']);
    expect(
      (
        await work.verified(
          'test -f build/deps',
          'mkdir -p cache; echo "*" > cache/.gitignore; echo > cache/x',
        )
      ).codes,
    ).toEqual([0, 0]);
    const { evidence, caveats, codes } = await work.verified('test -f build/deps', 'test -f cache/x');
    expect({ codes, unsaved: evidence.unsaved, caveats }).toEqual({
      codes: [0, 0],
      unsaved: undefined,
      caveats: [],
    });
  });

  it('what a tool marks as made by it, and what the user ignores everywhere, is told and no more', async () => {
    const work = await Work.begin();
    await using folder = await temporaryFolder();
    const excludes = join(folder.path, 'ignore');
    const config = join(folder.path, 'gitconfig');
    await writeFile(excludes, '.idea/\n');
    await writeFile(config, `[core]\n\texcludesFile = ${excludes}\n`);
    vi.stubEnv('GIT_CONFIG_GLOBAL', config);
    await work.does(
      'mkdir .cache venv .idea; for d in .cache venv; do echo "*" > $d/.gitignore; done; echo > .cache/CACHEDIR.TAG; echo > venv/pyvenv.cfg; echo > .idea/x',
    );
    const { evidence, unsaved } = await work.verified('true');
    expect({ unsaved, ignored: evidence.ignored }).toEqual({
      unsaved: [],
      ignored: ['.cache/', '.idea/', 'venv/'],
    });
  });
});

describe('in a fresh checkout', () => {
  it('set-up and verification run, whatever lies in the worktree, and nothing is left of it', async () => {
    const work = await Work.begin(sparse);
    await work.does('echo changed > in/i; mkdir build; echo > build/only-here');
    const { head } = (await work.bench.collect(work.input, work.workspace)).evidence;
    const verify = (setup: string[], ...commands: string[]) =>
      work.bench.verify(work.input, { cwd: work.cwd, head }, commands, {
        fresh: { repo: work.repo.path, setup },
      });
    const made = ['mkdir build; echo > build/deps; echo x > in/i'];
    const { verifications, problem } = await verify(
      made,
      'grep changed in/i',
      'test -f build/deps',
      'test ! -e out',
      'test -f build/only-here',
    );
    expect(verifications.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 1]);
    expect(problem).toContain('`test -f build/only-here` exited with code 1');
    const failed = await verify(['echo no such thing; exit 7'], 'true');
    expect(failed.verifications).toMatchObject([{ exitCode: 7, outputTail: 'no such thing' }]);
    expect(failed.problem).toContain('set-up in a fresh checkout');
    expect(existsSync(`${work.cwd}.fresh`)).toBe(false);
    expect(await work.repo.git('worktree', 'list')).not.toContain('.fresh');
  });
});

describe('no work that no commit has is overwritten', () => {
  it('what has a name that is no UTF-8 is put aside, and comes back', async () => {
    const work = await Work.begin();
    await work.does(
      'echo "*.x" >> "$(git rev-parse --git-common-dir)/info/exclude"; name="$(printf "n\\377")"; echo mine > "$name.x"; mkdir "d$name"; echo tracked > "d$name/t"; g add .; g commit -qm d; echo mine > "d$name/y.x"; git init -q "$name"; echo mine > "$name/y"',
    );
    const commands = ['ls n* dn* | grep -c "[xy]$"', 'grep tracked dn*/t'];
    const { codes, head, unsaved } = await work.verified(...commands);
    expect({ codes, fresh: await work.fresh(head, ...commands) }).toEqual({ codes: [1, 0], fresh: [1, 0] });
    expect(unsaved).toHaveLength(3);
    await work.does('test "$(cat n*.x dn*/y.x n*/y | grep -c mine)" = 3');
    expect(existsSync(`${work.cwd}.aside`)).toBe(false);
  });

  it('what changed after collecting is put aside, and is there afterwards', async () => {
    const work = await Work.begin(sparse);
    const { head } = (await work.bench.collect(work.input, work.workspace)).evidence;
    await work.does('mkdir -p out; echo only copy > out/o; echo too > a.txt');
    const result = await work.bench.verify(work.input, { cwd: work.cwd, head }, [
      'grep -x a a.txt',
      'test ! -e out',
    ]);
    expect(result.verifications.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(await readFile(join(work.cwd, 'out/o'), 'utf8')).toBe('only copy\n');
    expect(await readFile(join(work.cwd, 'a.txt'), 'utf8')).toBe('too\n');
  });

  it('sockets and pipes, of which git knows nothing, are put aside, and come back; not those of set-up', async () => {
    const socket = (path: string) =>
      `node -e "const s=require('node:net').createServer().listen('${path}',()=>process.kill(process.pid,9))" || true`;
    const work = await Work.begin();
    await work.bench.setUp(work.input, work.workspace, ['mkfifo of-set-up']);
    await work.does(
      `mkfifo p in/p; mkdir -p deep/er; ${socket('deep/er/s')}; rm a.txt; mkfifo a.txt; echo "*.sock" >> .gitignore; mkfifo x.sock`,
    );
    const commands = ['test -p p', 'test -p in/p', 'test -S deep/er/s', 'test -p a.txt', 'test -d deep'];
    const { codes, head, result } = await work.verified(...commands, 'test -p of-set-up', 'test -p x.sock');
    expect({ codes, fresh: await work.fresh(head, ...commands) }).toEqual({
      codes: [1, 1, 1, 1, 1, 0, 0],
      fresh: [1, 1, 1, 1, 1],
    });
    expect(result.notes.join()).toContain('verified without files that are in no commit: ');
    await work.does('test -p p; test -p in/p; test -p a.txt; test -S deep/er/s');
    expect(existsSync(`${work.cwd}.aside`)).toBe(false);
  });

  it('a killed verification leaves what it had put aside to the next collection', async () => {
    const work = await Work.begin();
    await work.does('git init -q app; echo mine > app/src.js');
    const { head } = (await work.bench.collect(work.input, work.workspace)).evidence;
    // As a worker leaves it that dies while the commands run.
    await mkdir(`${work.cwd}.aside`);
    await writeFile(`${work.cwd}.aside/list.json`, JSON.stringify({ paths: ['app'] }));
    await work.does('mv app "$PWD.aside/0"');
    const { evidence } = await work.bench.collect(work.input, work.workspace);
    expect(evidence).toMatchObject({ head, unsaved: [{ path: 'app/' }] });
    expect(await readFile(join(work.cwd, 'app/src.js'), 'utf8')).toBe('mine\n');
  });

  it('what is put aside does not come back through a link that leads out of the worktree', async () => {
    const work = await Work.begin();
    await using elsewhere = await temporaryFolder();
    await work.does('mkdir -p deep; git init -q deep/app; echo mine > deep/app/src.js');
    const { result } = await work.verified(`rm -rf deep; ln -s ${elsewhere.path} deep`);
    expect(existsSync(join(elsewhere.path, 'app'))).toBe(false);
    expect(await readFile(`${work.cwd}.aside/0/src.js`, 'utf8')).toBe('mine\n');
    expect(result.notes.join()).toContain('could not be moved back into the worktree');

    // The only copy is named as unsaved from then on, and a later verification puts its own beside it.
    await work.does('mkdir other; git init -q other/app; echo other > other/app/src.js');
    const again = await work.verified('test ! -e other');
    expect(again.codes).toEqual([0]);
    expect(again.evidence.unsaved?.map(({ path }) => path)).toEqual(['deep/app', 'other/app/']);
    expect(again.evidence.unsaved?.[0]?.reason).toMatch(
      /^could not be moved back into the worktree .*: it is now .*\.aside\/0$/,
    );
    expect(await readFile(`${work.cwd}.aside/0/src.js`, 'utf8')).toBe('mine\n');
    expect(await readFile(join(work.cwd, 'other/app/src.js'), 'utf8')).toBe('other\n');
  });

  it('files that a branch has, and that git ignored where it went, are kept when it is checked out again', async () => {
    const work = await Work.begin();
    await work.does(
      'mkdir -p build; echo theirs > build/x; g add -f build/x; g commit -qm x; g checkout -q --detach HEAD~1; mkdir -p build; echo mine > build/x',
    );
    const { notes, evidence } = await work.bench.collect(work.input, work.workspace);
    const [, kept = ''] = /kept in (\S+)/.exec(notes.join()) ?? [];
    expect(await work.repo.git('show', `${kept}:build/x`)).toBe('mine');
    expect(await work.repo.git('show', `${evidence.head}:build/x`)).toBe('theirs');
  });

  it('a worktree is made without overwriting a file that somebody put there', async () => {
    const work = await Work.begin();
    await work.bench.setUp(work.input, work.workspace, ['true']);
    await work.does('echo mine > a.txt');
    const record = `${work.cwd}.json`;
    const was = JSON.parse(await readFile(record, 'utf8')) as object;
    await writeFile(record, JSON.stringify({ ...was, setUp: { state: 'running' } }));
    const { notes } = await work.bench.setUp(work.input, work.workspace, ['true']);
    const [, kept = ''] = /kept in (refs\S+?):? /.exec(`${notes.join()} `) ?? [];
    expect(await work.repo.git('show', `${kept}:a.txt`)).toBe('mine');
  });

  it.runIf(process.getuid?.() === 0)(
    'what its owner may not read is made readable, and committed',
    async () => {
      await using folder = await temporaryFolder();
      await chmod(folder.path, 0o777);
      const ordinary = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
      const env = { TMPDIR: folder.path, HOME: folder.path };
      await using child = startChild(import.meta.url, 'children/unreadable.ts', [], env, ordinary);
      const [line] = await child.line(/^{.*}$/);
      expect(JSON.parse(line)).toEqual({
        files: ['a.txt', 'd/x', 'new/n'],
        unsaved: [],
        codes: [0, 0, 0],
        a: 'mine\n',
      });
    },
  );
});

describe('commits of ours', () => {
  it('leave out large files and likely secrets, by name and reason', async () => {
    const work = await Work.begin();
    await work.does(
      'head -c 25000000 /dev/zero > dump.bin; echo "KEY=sk-live" > prod.env; echo x > sample.env.example; echo ok > ok.txt; printf -- "-----BEGIN RSA PRIVATE KEY-----\\nMIIB\\n-----END RSA PRIVATE KEY-----\\n" > notes.md',
    );
    const { evidence, codes } = await work.verified('test -f ok.txt', 'test -f prod.env', 'test -f dump.bin');
    expect(codes).toEqual([0, 1, 1]);
    expect(evidence.filesChanged).toEqual(['ok.txt', 'sample.env.example']);
    expect(evidence.unsaved).toEqual([
      { path: 'dump.bin', reason: '24 MiB; the worker commits files of at most 20 MiB' },
      { path: 'notes.md', reason: 'likely a secret: it contains a private key or a token' },
      { path: 'prod.env', reason: 'likely a secret: files with this name usually contain secrets' },
    ]);
  });

  it.each([
    ['.vault-token', 'x', true],
    ['infra/terraform.tfstate', '{}', true],
    ['passwords.txt', 'x', true],
    ['.npmrc', '//registry.npmjs.org/:_authToken=abcd-1234-efgh', true],
    ['.npmrc', 'save-exact=true\n//registry.npmjs.org/:_authToken=${NPM_TOKEN}', false],
    ['.docker/config.json', '{"auths":{"x":{"auth":"bWU6Zm91ci13b3Jkcw=="}}}', true],
    ['.pypirc', '[pypi]\nusername = me\npassword = four-words', true],
    ['kubeconfig', 'users:\n- user:\n    client-key-data: LS0tLS1CRUdJTi1YWVo=', true],
    ['k8s/secrets.yaml', 'stringData:\n  password: four-words', true],
    ['chart/templates/secret.yaml', 'stringData:\n  password: {{ .Values.password }}', false],
    ['config/database.yml', 'password: postgres', false],
    ['src/secrets.ts', 'export const password = process.env.PASSWORD;', false],
    ['src/token.ts', 'export const token = readToken();', false],
    ['prod.tfvars', 'region = "eu-central-1"', false],
  ])('know a file of secrets: %s with %j: %s', (path, content, isOne) => {
    expect(likelySecret(path, Buffer.from(content)) !== undefined).toBe(isOne);
  });

  it('leave out whole folders of very many new files', async () => {
    const work = await Work.begin();
    await work.does('mkdir obj; for i in $(seq 1500); do : > obj/$i.o; done; mkdir src; echo > src/a.c');
    const { evidence, unsaved } = await work.verified('true');
    expect(evidence.filesChanged).toEqual(['src/a.c']);
    expect(unsaved).toEqual(['obj/']);
    expect(evidence.unsaved?.[0]?.reason).toBe('1500 new files; the worker commits at most 1000 new files');
  });

  it('of the subagent keep all, and are named', async () => {
    const work = await Work.begin();
    await work.does(
      'head -c 25000000 /dev/urandom > dump.bin; echo "KEY=1" > prod.env; g add .; g commit -qm all; git rm -q dump.bin; g commit -qm less',
    );
    const { evidence, caveats, unsaved } = await work.verified('test -f prod.env');
    expect(unsaved).toEqual([]);
    expect(evidence.commitCount).toBe(2);
    expect(caveats.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
      'large-files: it committed large files: "dump.bin (24 MiB)"',
      'secrets: it committed what looks like secrets: "prod.env"',
    ]);
  });
});
