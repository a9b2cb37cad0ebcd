/** Works in a worktree as a user whom permission bits bind, takes the right to read from its files, and collects and verifies that. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryHome } from '../../support/home.ts';
import { temporaryRepository } from '../../support/repository.ts';
import { specOf, subagentRef, workspaceBench } from '../../support/workspace.ts';

const repo = await temporaryRepository({ 'a.txt': 'a\n', 'd/x': 'x\n' });
const home = await temporaryHome();
const input = { subagent: subagentRef(), spec: specOf(repo) };
const bench = workspaceBench(home);
const { cwd, ...workspace } = await bench.prepare(input);
writeFileSync(join(cwd, 'a.txt'), 'mine\n');
writeFileSync(join(cwd, 'd/x'), 'mine too\n');
mkdirSync(join(cwd, 'new'));
writeFileSync(join(cwd, 'new/n'), 'new\n');
chmodSync(join(cwd, 'a.txt'), 0);
for (const folder of ['d', 'new']) chmodSync(join(cwd, folder), 0);
const { evidence } = await bench.collect(input, { cwd, ...workspace });
const commands = ['grep mine a.txt', 'grep mine d/x', 'test -f new/n'];
const { verifications } = await bench.verify(input, { cwd, head: evidence.head }, commands);
const answer = {
  files: evidence.filesChanged,
  unsaved: evidence.unsaved ?? [],
  codes: verifications.map(({ exitCode }) => exitCode),
  a: readFileSync(join(cwd, 'a.txt'), 'utf8'),
};
process.stdout.write(`${JSON.stringify(answer)}\n`);
await home[Symbol.asyncDispose]();
await repo[Symbol.asyncDispose]();
