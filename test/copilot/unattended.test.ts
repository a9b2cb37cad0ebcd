/** What asks a person, in the shells of a real Copilot runtime, in both modes: neither has a terminal to ask on. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findCopilot } from '../../src/copilot/runtime/executable.ts';
import { startRuntime } from '../../src/copilot/runtime/runtime.ts';
import { openSession } from '../../src/copilot/session/session.ts';
import { shellScript } from '../../src/copilot/runtime/shell-script.ts';
import { startScriptedModel } from '../support/model.ts';
import { hasSsh, startSshHost } from '../support/ssh-host.ts';
import { bash } from '../support/turns.ts';

/** To whom su asks a password. */
const ORDINARY = process.geteuid?.() === 0 ? 'setpriv --reuid=65534 --regid=65534 --clear-groups' : '';

const script = (port: number) => `
git init -q -b main . && git config user.name me && git config user.email me@x
git config core.editor vim && git config core.pager less
echo 1 >a && git add a
git commit; echo "commit $?"
git commit -qm one
git checkout -qb side && echo 2 >a && git commit -qam two && git checkout -q main && echo 3 >a && git commit -qam three
git rebase side; echo 4 >a; git add a; git rebase --continue; echo "continued $?"
git merge --no-ff side~1 -q; git revert HEAD; echo "reverted $?"
git rebase -i HEAD~1; echo "interactive $?"; git rebase --abort 2>/dev/null
git -c core.editor='echo mine >' commit --amend; echo "amended $? $(git log -1 --format=%s)"
GIT_SEQUENCE_EDITOR='sed -i 1s/pick/drop/' git rebase -q -i HEAD~1; echo "own $?"
seq 9999 >long && git add long && git commit -qm long && git log -p -1 | tail -1; git show HEAD | wc -l; git show; echo "paged $?"
man sh | wc -l
git clone -q https://127.0.0.1:1/private.git; echo "cloned $?"
"$SSH_ASKPASS" "Are you sure you want to continue connecting (yes/no)?"; echo "asked $?"
ssh -F none -o UserKnownHostsFile=/dev/null -p ${port} nobody@127.0.0.1 true; echo "connected $?"
ssh-keygen -q -t ed25519 -N secret -f key; ssh-keygen -y -f key; echo "unlocked $?"
${ORDINARY} su root -c true; echo "su $?"; read -rs password </dev/tty; echo "terminal $?"
$EDITOR notes.txt; echo "edited $?"
vim notes.txt; echo "vim $?"; vi notes.txt; echo "vi $?"
echo theirs >batch; vim -c '%s/theirs/mine/' -c wq batch; echo "scripted $? $(cat batch)"
echo "CI=$CI unsigned=$(git config commit.gpgSign) bare=$(git config safe.bareRepository) manpager=$MANPAGER"
`;

it.each(['sync', 'async'])('waits for nobody in a %s shell', { timeout: 300_000 }, async (mode) => {
  const folder = await mkdtemp(join(tmpdir(), 'subagents-unattended-'));
  const copilotHome = join(folder, 'copilot');
  await mkdir(copilotHome);
  await mkdir(join(folder, 'work'));
  const said = join(folder, 'said');
  const errors = join(folder, 'errors');
  const toFile = mode === 'sync' ? `exec 2>${errors};` : '';
  // In its own file, so that the terminal, where there is one, stays what the programs see.
  using host = await startSshHost();
  const asking = `${toFile} exec 3>${said}; ${script(host.port).replaceAll(/echo "(\w+ \$\?|own \$\?|amended [^"]*|scripted [^"]*|CI=[^"]*)"/g, 'echo "$1" >&3')} echo over >&3`;
  const model = await startScriptedModel([
    {
      when: () => true,
      steps: [
        bash(`{ ${asking}\n}`, { mode }),
        bash(`until grep -q over ${said}; do sleep 0.2; done`),
        { text: 'Done.' },
      ],
    },
  ]);
  const { PATH, HOME } = process.env;
  const env = {
    PATH,
    HOME: folder,
    TERM: 'xterm',
    EDITOR: 'vim',
    VISUAL: 'vim',
    PAGER: 'less',
    MANPAGER: 'less',
    GIT_EDITOR: 'vim',
    GIT_PAGER: 'less',
    SSH_ASKPASS: '/usr/bin/ssh-askpass',
    DISPLAY: ':0',
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(HOME ?? '', '.cache'),
  };
  const runtime = await startRuntime({ path: await findCopilot(undefined), copilotHome, env });
  try {
    const session = await openSession(runtime, {
      copilotSessionId: 'alone',
      cwd: join(folder, 'work'),
      env: { ...env, ...model.env },
      copilotHome,
      initScript: shellScript('alone', { unsigned: true }, { root: folder }),
      permissions: 'all',
      trustRepo: false,
      keepQuestions: false,
      mustExist: false,
      onEvent: () => undefined,
    });
    await session.sendAndWait({ prompt: 'go' }, 200_000);
    expect((await readFile(said, 'utf8')).trim().split('\n')).toEqual([
      'commit 1',
      'continued 0',
      'reverted 0',
      'interactive 1',
      'amended 0 mine',
      'own 0',
      'paged 0',
      'cloned 128',
      'asked 1',
      `connected ${hasSsh ? 255 : 127}`,
      `unlocked ${hasSsh ? 255 : 127}`,
      'su 1',
      'terminal 1',
      'edited 1',
      'vim 1',
      'vi 1',
      'scripted 0 mine',
      'CI= unsigned=false bare=explicit manpager=',
      'over',
    ]);
    if (mode === 'async') return;
    const words = await readFile(errors, 'utf8');
    expect(words).toContain(
      'an editor was started for COMMIT_EDITMSG, but nobody can type here. Give the message',
    );
    expect(words).toContain(
      'an editor was started for git-rebase-todo, but nobody can type here. Say what to',
    );
    expect(words).toContain('an editor was started for notes.txt, but nobody can type here. Write the file');
    expect(words).toContain('nobody can answer here: Are you sure');
    if (!hasSsh) return;
    expect(words).toMatch(
      /nobody can answer here: The authenticity of host [^]*Are you sure you want to continue/,
    );
    expect(words).toContain('Host key verification failed.');
    expect(words).toContain('nobody can answer here: Enter passphrase');
  } finally {
    await runtime.stop();
    await model.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
