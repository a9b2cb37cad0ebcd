/** The script that every shell of a subagent runs first. */
import type { ShellInput } from '../../contract/index.ts';
import { UNSIGNED } from '../../git/trust/signing.ts';
import { passedSecrets } from '../../environment/clean.ts';
import { markerScript } from '../../home/marker.ts';
import { unattended, unattendedScript } from '../../environment/unattended.ts';

/** Variables that the runtime needs to start, and that its shells must not have. */
export const RUNTIME_ONLY = ['COPILOT_PROVIDER_BASE_URL', 'COPILOT_SDK_AUTH_TOKEN'];

/**
 * A bash script that sets the marker by which the session's processes are found, settings for unattended use, and the
 * variables that the spawn names.
 *
 * The shared Copilot runtime has none of these. The script reads the variables from the worker's environment in /proc
 * (Linux only), so that their values are neither in a file of ours nor in another subagent's shell.
 */
export function shellScript(
  copilotSessionId: string,
  { env: allowed = [], unsigned }: ShellInput,
  home: { readonly root: string },
  workerPid = process.pid,
): string {
  const given = [...allowed, ...passedSecrets(process.env)];
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
