import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createCloneActivities } from '../../activities/clone.ts';
import type { Progress } from '../../src/contract/index.ts';
import { sweep } from '../../src/home/sweep.ts';
import { gitThatHangs } from '../support/git-shim.ts';
import { temporaryFolder, temporaryHome } from '../support/home.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository } from '../support/repository.ts';
import { activityContext, specOf, subagentRef } from '../support/workspace.ts';

beforeEach(() => {
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

const settings = { models: undefined, model: undefined, repos: undefined };

it('a clone tells how far it is, leaves nothing when it is cut short, and is made whole the next time', async () => {
  await using repo = await temporaryRepository();
  await using home = await temporaryHome();
  await using folder = await temporaryFolder();
  const { cloneRepository } = createCloneActivities({ home, settings });
  const subagent = subagentRef();
  const url = `file://${repo.path}`;
  const input = { subagent, spec: specOf(repo, { repo: url, signing: 'off' }) };
  const clones = async (): Promise<string[]> =>
    (await readdir(home.paths.repositories)).filter((name) => !name.endsWith('.lock'));

  const shim = await gitThatHangs(folder.path, [{ of: url, when: 'after', call: 'clone' }]);
  vi.stubEnv('PATH', shim.env['PATH'] ?? '');
  const context = activityContext();
  const told: string[] = [];
  context.on('heartbeat', (progress: Progress) => told.push(progress.doing));
  const cut = context.run(cloneRepository, input);
  cut.catch(() => undefined);
  await shim.reached();
  await vi.waitFor(() => expect(told.join('\n')).toMatch(/^clones file:\S+ \([\d.]+ MB so far\)$/m), {
    timeout: 50_000,
  });
  expect(await clones()).toEqual([expect.stringMatching(/^project-[0-9a-f]{12}\.making$/)]);
  context.cancel();
  await expect(cut).rejects.toThrow();
  expect(await clones()).toEqual([]);
  await sweep(subagent.copilotSessionId);

  vi.unstubAllEnvs();
  for (const [name, value] of Object.entries(NO_GIT_CONFIGURATION)) vi.stubEnv(name, value);
  const made = await activityContext().run(cloneRepository, input);
  expect(made).toMatchObject({ kind: 'cloned', notes: [expect.stringContaining('was cloned to') as string] });
  expect(await clones()).toEqual([expect.stringMatching(/^project-[0-9a-f]{12}$/)]);
});
