/** Describes a call for which a policy asks, to whoever decides on it. */
import type { PermissionRequest } from '@github/copilot-sdk';
import type { PolicyLayer } from '../../contract/index.ts';
import { readShell, type Place } from '../../policy/commands.ts';
import { decideAll, type Decision, type ToolRequest } from '../../policy/decide.ts';
import type { AskedCall } from '../turn/approvals.ts';

/** The policies that were asked, and about what. */
interface Context {
  readonly layers: readonly PolicyLayer[];
  readonly requests: readonly ToolRequest[];
  readonly place: Place;
}

/** The call of a permission request. `what` is not cut, and may have secrets. */
export function askedCallOf(request: PermissionRequest, decision: Decision, context: Context): AskedCall {
  const { tool, what } = callOf(request);
  const { rule, layer, part, why } = decision;
  const reason = [part === undefined || part === what ? '' : `because of ${part}`, why ?? ''].filter(Boolean);
  const always = kindOf(request, context);
  return {
    tool,
    what,
    ...(rule !== undefined && { rule }),
    ...(layer !== undefined && { layer }),
    ...(reason.length > 0 && { reason: reason.join('; ') }),
    ...(always !== undefined && { always }),
  };
}

function callOf(request: PermissionRequest): Pick<AskedCall, 'tool' | 'what'> {
  switch (request.kind) {
    case 'shell':
      return { tool: 'bash', what: request.fullCommandText };
    case 'read':
      return { tool: 'read', what: request.path };
    case 'write':
      return { tool: 'write', what: request.fileName };
    case 'url':
      return { tool: 'fetch', what: request.url };
    case 'mcp':
      return { tool: `${request.serverName}/${request.toolName}`, what: JSON.stringify(request.args ?? {}) };
    case 'custom-tool':
      return { tool: request.toolName, what: JSON.stringify(request.args ?? {}) };
    default:
      return { tool: request.kind, what: request.kind };
  }
}

/**
 * The kind of the call, in words that are equal for equal kinds: what is called, and every rule that asks for it. Only a
 * shell text of a single program has one: what else a longer text does would be approved unseen.
 */
function kindOf(request: PermissionRequest, { layers, requests, place }: Context): string | undefined {
  const name = request.kind === 'shell' ? programOf(request.fullCommandText, place) : callOf(request).tool;
  if (name === undefined) return undefined;
  // A further policy that asks for another call of the same name makes another kind.
  const asking = layers.flatMap((layer) => {
    const { decision, rule } = decideAll([layer], requests, place);
    if (decision !== 'ask') return [];
    return [rule === undefined ? `the policy of the ${layer.layer}` : `"${rule}" of the ${layer.layer}`];
  });
  const calls = request.kind === 'shell' ? `commands of ${name}` : `calls of ${name}`;
  return `${calls} for which ${asking.join(' and ')} asks`;
}

/** The only program that a shell text runs; undefined if it runs several, or if that is not known. */
function programOf(text: string, place: Place): string | undefined {
  const acts = readShell(text, place.cwd, place);
  const [first, ...others] = acts.filter(({ kind }) => kind === 'command' || kind === 'unknown');
  return first?.kind === 'command' && others.length === 0 && !first.perhaps ? first.name : undefined;
}
