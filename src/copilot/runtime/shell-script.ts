/** What every shell of a subagent runs first. */
import type { ShellInput } from '../../contract/index.ts';
import { UNSIGNED } from '../../git/trust/signing.ts';
import { givenBy } from '../../environment/clean.ts';
import { markerScript } from '../../home/marker.ts';
import { unattended, unattendedScript } from '../../environment/unattended.ts';

/** What the runtime needs in its environment to start, and its shells do not. */
export const RUNTIME_ONLY = ['COPILOT_PROVIDER_BASE_URL', 'COPILOT_SDK_AUTH_TOKEN'];

/**
 * A bash script: the mark by which its processes are found, what is set where nobody can be asked, and the variables that the spawn names.
 *
 * The Copilot runtime, which is shared, has none of those. The script reads them where the worker's own are, so that
 * their values are neither in a file of ours nor in another subagent's shell. Linux alone has that place.
 */
export function shellScript(
  copilotSessionId: string,
  { env: allowed = [], unsigned }: ShellInput,
  home: { readonly root: string },
  workerPid = process.pid,
): string {
  const given = [...allowed, ...givenBy(process.env)];
  const lines = [
    markerScript(copilotSessionId).trimEnd(),
    `unset ${RUNTIME_ONLY.join(' ')}`,
    ...unattendedScript(unattended(home.root, given), unsigned === true ? UNSIGNED : [], given),
  ];
  if (allowed.length > 0) {
    const names = allowed.map((name) => `${name}=*`).join('|');
    lines.push(
      `while IFS= read -r -d '' subagents_each; do`,
      `  case "$subagents_each" in ${names}) export "$subagents_each" ;; esac`,
      `done 2>/dev/null </proc/${workerPid}/environ`,
      'unset subagents_each',
    );
  }
  return `${lines.join('\n')}\n`;
}
