import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { checkAllowed } from '../../src/home/allowed-repos.ts';
import { readSettings } from '../../src/home/settings.ts';
import { temporaryFolder } from '../support/home.ts';

it('SUBAGENTS_REPOS allows what lies under its roots, by real path, and nothing else', async () => {
  await using folder = await temporaryFolder();
  const at = (path: string): string => join(folder.path, path);
  for (const path of ['work/a', 'work-too/b', 'other/c']) mkdirSync(at(path), { recursive: true });
  symlinkSync(at('other/c'), at('work/link'));
  symlinkSync(at('work'), at('alias'));
  const allowed = (repo: string, roots: string): boolean => {
    try {
      checkAllowed(repo, readSettings({ SUBAGENTS_REPOS: roots }).repos);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'REPO_REFUSED' });
      return false;
    }
  };
  expect(allowed(at('other/c'), '')).toBe(true);
  expect(allowed(at('work/a'), at('work'))).toBe(true);
  expect(allowed(at('work'), at('work'))).toBe(true);
  expect(allowed(at('work/a'), at('alias'))).toBe(true);
  expect(allowed(at('other/c'), `${at('absent')}:${at('other')}/`)).toBe(true);
  expect(allowed(at('work-too/b'), at('work'))).toBe(false);
  expect(allowed(at('work/link'), at('work'))).toBe(false);
  expect(allowed(at('work/../other/c'), at('work'))).toBe(false);
  expect(allowed(at('absent'), at('work'))).toBe(false);
  vi.stubEnv('HOME', folder.path);
  expect(allowed(at('work/a'), '~/work')).toBe(true);
  vi.unstubAllEnvs();
  const roots = `${at('work')}:https://example.com/team`;
  expect(allowed('https://example.com/team/app.git', roots)).toBe(true);
  expect(allowed('https://example.com/team-b/app.git', roots)).toBe(false);
  expect(allowed('https://example.com/team/../other.git', roots)).toBe(false);
  expect(allowed(at('work/a'), roots)).toBe(true);
});
