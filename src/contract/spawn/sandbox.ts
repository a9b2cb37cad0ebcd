/** What cannot be asked for beside a sandbox. */
import { SubagentsError } from '../errors.ts';
import type { ResolvedSpec } from './spec.ts';

type Asked = Pick<ResolvedSpec, 'sandbox' | 'isolation' | 'permissions' | 'trustRepo' | 'env'>;

/** Checks what is asked for beside a sandbox. @throws SubagentsError BAD_INPUT with the reason */
export function checkSandbox(spec: Asked): void {
  const [found] = spec.sandbox ? conflicts(spec) : [];
  if (found === undefined) return;
  const [what, why] = found;
  throw new SubagentsError('BAD_INPUT', `a sandbox and ${what} do not go together: ${why}`, {
    remedy: `Leave out ${what}; or leave out the sandbox, where neither the worker nor the repository asks for one.`,
  });
}

function conflicts({ isolation, permissions, trustRepo, env }: Asked): (readonly [string, string])[] {
  return [
    ...(isolation === 'in-place'
      ? [['in-place', 'it works in your checkout, whose .git would have to be writable inside'] as const]
      : []),
    ...(trustRepo
      ? [['trustRepo', 'hooks, extensions and MCP servers of a repository run outside of it'] as const]
      : []),
    ...(permissions === 'read-only'
      ? [['read-only', 'Copilot reads files outside of it; inside there are shells alone'] as const]
      : []),
    ...(env.length > 0 ? [['env', 'no secret of the worker gets in'] as const] : []),
  ];
}
