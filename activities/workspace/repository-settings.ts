/**
 * Reads `.subagents.json` from the commit that a subagent starts from, never from the folder, where the file may be
 * half-written.
 */
import {
  validate,
  firstProblem,
  MAX_SETTINGS_BYTES,
  repositorySettings,
  SETTINGS_FILE,
  SubagentsError,
  type RepositorySettings,
  type ResolvedSpec,
  type SettingsTaken,
} from '../../src/contract/index.ts';
import type { Git } from '../../src/git/git.ts';

/**
 * Reads the settings file of a commit that contains it.
 * @param size of the file, in bytes.
 * @throws SubagentsError BAD_INPUT that names the file, the commit and the field; GIT
 */
export async function readRepositorySettings(
  git: Git,
  commit: string,
  size: number,
): Promise<RepositorySettings> {
  const bad = (what: string): SubagentsError =>
    new SubagentsError('BAD_INPUT', `${SETTINGS_FILE} of ${git.cwd} at ${commit.slice(0, 12)}: ${what}`, {
      remedy: `Fix the file and commit it, or start from a commit without it (--base). Its fields are ${FIELDS}.`,
    });
  if (size > MAX_SETTINGS_BYTES) throw bad(`larger than ${MAX_SETTINGS_BYTES / 1024} KiB`);
  let content: unknown;
  try {
    content = JSON.parse(await git.run(['cat-file', 'blob', `${commit}:${SETTINGS_FILE}`]));
  } catch (error) {
    if (error instanceof SyntaxError) throw bad(`not JSON (${error.message})`);
    throw error;
  }
  const parsed = validate(repositorySettings, content);
  if (parsed.success) return parsed.data;
  throw bad(firstProblem(parsed.error));
}

const FIELDS = Object.keys(repositorySettings.shape).join(', ');

/** The settings that can apply to a spawn: where it leaves nothing open, only the policy, which tightens in any case. */
export const openPart = ({ leftOpen }: ResolvedSpec, settings: RepositorySettings): RepositorySettings =>
  leftOpen.length > 0 ? settings : settings.policy ? { policy: settings.policy } : {};

/**
 * Returns the settings that the spawn left open, except the model. Set-up applies to worktrees only: an in-place
 * checkout is managed by its owner.
 */
export function pickOpenSettings(
  { leftOpen, isolation }: ResolvedSpec,
  settings: RepositorySettings,
): Omit<SettingsTaken, 'model'> {
  const { setup, verify, timeout, permissions, policy, sandbox } = settings;
  const open = new Set<string>(leftOpen);
  return {
    ...(open.has('setup') && isolation === 'worktree' && setup && { setup }),
    ...(open.has('verify') && verify && { verify }),
    ...(open.has('timeout') && timeout !== undefined && { timeoutMs: timeout }),
    ...(open.has('permissions') && permissions && { permissions }),
    // It can only tighten: the policies of the spawn and of the worker apply as well.
    ...(policy && { repositoryPolicy: policy }),
    ...(sandbox && { sandbox }),
  };
}

/** A note on the settings that were used: the caller must see them, since they name commands that will run. */
export function settingsNote(
  commit: string,
  { setup, verify, timeoutMs, permissions, repositoryPolicy, sandbox, model }: SettingsTaken,
): string[] {
  const commands = (name: string, list: readonly string[] | undefined): string[] =>
    list && list.length > 0 ? [`${name} ${list.map((command) => `\`${command}\``).join(', ')}`] : [];
  const parts = [
    ...commands('set-up', setup),
    ...commands('verification', verify),
    ...(model === undefined ? [] : [`model ${model}`]),
    ...(timeoutMs === undefined ? [] : [`timeout ${Math.round(timeoutMs / 1_000)} s`]),
    ...(permissions === undefined ? [] : [`permissions ${permissions}`]),
    ...(repositoryPolicy ? ['policy'] : []),
    ...(sandbox ? ['sandbox'] : []),
  ];
  return parts.length === 0 ? [] : [`from ${SETTINGS_FILE} of ${commit.slice(0, 12)}: ${parts.join('; ')}`];
}
