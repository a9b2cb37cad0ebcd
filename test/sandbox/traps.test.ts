/** What a sandboxed subagent leaves in its own clone for the git calls of the worker: they run behind its walls, too. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { it } from '../support/sandbox.ts';
import { bash, on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;
/** A folder of the user, outside. */
let mine: string;
let head: string;
let configuration: string;

const SECRET = 'SECRET-OF-THE-USER';
const COMMON = 'c=$(git rev-parse --git-common-dir); d=$(git rev-parse --git-dir); r=$(pwd);';

/** Attacks by name, on a folder of the user and the repository. */
const TRAPS = {
  'a file system monitor, hooks, filters, drivers':
    'for k in core.fsmonitor core.sshCommand core.pager core.editor diff.external gpg.program alias.status uploadpack.packObjectsHook credential.helper core.alternateRefsCommand core.gitProxy; do git config $k "touch MINE/ran; cat"; done; git config filter.x.clean "touch MINE/ran; cat"; git config filter.x.smudge "touch MINE/ran; cat"; git config merge.x.driver "touch MINE/ran"; git config diff.x.textconv "touch MINE/ran; cat"; echo "* filter=x diff=x merge=x" > .gitattributes; mkdir -p $c/hooks; for h in pre-commit post-commit post-checkout reference-transaction post-index-change pre-auto-gc; do printf "#!/bin/sh\\ntouch MINE/ran\\n" > $c/hooks/$h; chmod +x $c/hooks/$h; done; git config core.hooksPath $c/hooks; echo new > new.txt',
  'an include of a file of the user': 'git config include.path MINE/secret; echo new > new.txt',
  'another work tree': 'echo new > new.txt; git config core.worktree MINE',
  'refs that lead out': 'rm -rf $c/refs/heads; ln -s MINE $c/refs/heads; echo new > new.txt',
  'a log that leads out': 'rm -rf $c/logs; ln -s MINE $c/logs; echo new > new.txt',
  'an index that leads out': 'echo new > new.txt; rm -f $d/index; ln -s MINE/secret $d/index',
  'objects that lead out': 'mv $c/objects $c/o; ln -s MINE $c/objects; echo new > new.txt',
  'a link to the repository in place of its own':
    'echo new > new.txt; rm .git; echo "gitdir: REPO/.git" > .git',
  'a git folder in place of its own': 'echo new > new.txt; rm .git; ln -s REPO/.git .git',
  'links among its files':
    'ln -s MINE/secret stolen.txt; ln -s MINE folder; mkdir -p nested && ln -s MINE nested/.git; echo new > new.txt',
  'walls of its own around a folder of its own':
    'echo new > new.txt; git init -q nested; echo x > nested/x; git -C nested config core.fsmonitor "touch MINE/ran"; echo "{\\"writable\\":[\\"/\\"],\\"readable\\":[],\\"temporary\\":\\"MINE\\",\\"home\\":\\"MINE\\"}" > nested.walls; echo broken > new.walls',
  'a HEAD that leads out': 'echo new > new.txt; rm -f $d/HEAD; ln -s MINE/secret $d/HEAD',
  'a git folder in its /tmp, named by the path of outside, with a filter in a file beside it':
    't=$(dirname $(dirname $c))/tmp; cp -a $c /tmp/evil; printf "[filter \\"e\\"]\\n\\tclean = touch MINE/ran; cat\\n" > /tmp/include; git config --file /tmp/evil/config include.path $t/include; echo "* filter=e" > .gitattributes; echo "gitdir: $t/evil/worktrees/$(basename $d)" > .git; rm -rf $c; echo "gitdir: $t/evil" > $c; echo new > new.txt',
  'the repository of the user in place of its own git folder':
    'echo new > new.txt; rm -rf $c; echo "gitdir: REPO/.git" > $c',
  'a submodule whose git folder is in its /tmp, named by the path of outside':
    't=$(dirname $(dirname $c))/tmp; git init -q /tmp/sub; git -C /tmp/sub config core.fsmonitor "touch MINE/ran"; git -C /tmp/sub config filter.e.clean "touch MINE/ran; cat"; mkdir sub; echo "gitdir: $t/sub/.git" > sub/.git; echo "* filter=e" > sub/.gitattributes; printf "[submodule \\"sub\\"]\\n\\tpath = sub\\n\\turl = ./sub\\n" > .gitmodules; echo new > new.txt',
  'a configuration that is a link to another one inside than outside':
    'mv $c/config /tmp/config; git config --file /tmp/config filter.e.clean "touch MINE/ran; cat"; ln -s /tmp/config $c/config; echo "* filter=e" > .gitattributes; echo new > new.txt',
  'a configuration of a gigabyte without blocks': 'echo new > new.txt; truncate -s 1G $c/config',
  'a pipe in place of the lock of its worktree':
    'echo new > new.txt; rm -f $d/locked $d/MERGE_HEAD; mkfifo $d/locked $d/MERGE_HEAD',
  'a common folder that leads out': 'echo new > new.txt; echo REPO/.git > $d/commondir',
} as const;

beforeAll(async () => {
  fleet = await startFleet(
    Object.values(TRAPS).map((trap, index) =>
      on(`trap ${index}.`, ({ answers }) => {
        const script = trap.replaceAll('MINE', mine).replaceAll('REPO', fleet.repository.path);
        return answers === 0 ? bash(`${COMMON} ${script}`) : { text: 'Set.' };
      }),
    ),
  );
  subagents = await fleet.connect();
  mine = join(dirname(fleet.home), 'mine');
  mkdirSync(mine);
  writeFileSync(join(mine, 'secret'), SECRET);
  head = await fleet.repository.git('rev-parse', 'HEAD');
  configuration = readFileSync(join(fleet.repository.path, '.git', 'config'), 'utf8');
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

describe.each(Object.keys(TRAPS))('%s', (name) => {
  it('neither runs, writes nor reads anything outside', async () => {
    const index = Object.keys(TRAPS).indexOf(name);
    const label = `trap-${index}`;
    const session = subagents.session('default');
    await session.spawn(
      { label, task: `trap ${index}.`, sandbox: true, verify: ['true'] },
      { cwd: fleet.repository.path },
    );
    const outcome = await session.subagent(label).result();
    await session
      .subagent(label)
      .diff()
      .catch(() => undefined);
    await session.subagent(label).clean({ force: true });
    // The work is there, or the outcome says why it is not.
    if (outcome.status === 'done') expect(outcome.evidence?.filesChanged).toContain('new.txt');
    else expect(outcome.failure?.message ?? '').not.toBe('');
    expect(readdirSync(mine)).toEqual(['secret']);
    expect(readFileSync(join(mine, 'secret'), 'utf8')).toBe(SECRET);
    const { git, path } = fleet.repository;
    expect(await git('rev-parse', 'HEAD')).toBe(head);
    expect(await git('status', '--porcelain')).toBe('');
    expect(readFileSync(join(path, '.git', 'config'), 'utf8')).toBe(configuration);
    expect(existsSync(join(path, 'new.txt'))).toBe(false);
    expect(await git('log', '--all', '-p', '--format=%B')).not.toContain(SECRET);
    expect(JSON.stringify(outcome)).not.toContain(SECRET);
  });
});
