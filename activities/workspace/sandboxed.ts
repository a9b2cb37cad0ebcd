/** Whether a subagent gets a sandbox, and whether this worker can give it one. */
import {
  checkSandbox,
  isWithinNetwork,
  SubagentsError,
  type ResolvedSpec,
} from '../../src/contract/index.ts';
import type { Settings } from '../../src/home/settings.ts';
import { requireSandbox } from '../../src/sandbox/probe.ts';

/** What a worker's settings say of sandboxes; default: `on`. */
export interface SandboxSettings {
  readonly sandbox?: Settings['sandbox'];
  /** Default: all. */
  readonly sandboxNetwork?: Settings['sandboxNetwork'];
}

/** What the worker adds to a spec. */
export const sandboxOfWorker = ({ sandbox }: SandboxSettings): Pick<ResolvedSpec, 'sandbox'> =>
  sandbox === 'required' ? { sandbox: true } : {};

/**
 * Checks a spec with everything that the worker and the repository add to it, and tries a sandbox where it asks for one.
 * @throws SubagentsError BAD_INPUT, NO_SANDBOX
 */
export async function checkSandboxed(
  spec: ResolvedSpec,
  { sandbox, sandboxNetwork = 'all' }: SandboxSettings,
): Promise<void> {
  const { network = 'none' } = spec;
  if (!spec.sandbox) {
    if (network !== 'none')
      throw new SubagentsError('BAD_INPUT', `network is only for a sandbox, and this subagent has none`, {
        remedy:
          'Spawn it with a sandbox (--sandbox), or leave out network: without a sandbox it is not restricted.',
      });
    if (sandbox !== 'required') return;
    throw new SubagentsError('NO_SANDBOX', 'this worker takes sandboxed subagents alone', {
      remedy: 'Spawn it with a sandbox.',
    });
  }
  if (sandbox === 'off') {
    throw new SubagentsError('NO_SANDBOX', 'this worker has no sandboxes (SUBAGENTS_SANDBOX=off)', {
      remedy: 'Have it started without that, or spawn without a sandbox where the repository allows it.',
    });
  }
  checkSandbox(spec);
  if (!isWithinNetwork(network, sandboxNetwork))
    throw new SubagentsError(
      'NO_SANDBOX',
      `this worker gives a sandbox no more network than ${sandboxNetwork} (SUBAGENTS_SANDBOX_NETWORK), and the spawn asks for ${network}`,
      { remedy: 'Ask for less, or have the worker started with more.' },
    );
  await requireSandbox({ network, strict: sandbox === 'required' });
}
