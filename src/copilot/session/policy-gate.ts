/** Applies policies to what the tools of a Copilot session ask for. */
import { isAbsolute, join, resolve } from 'node:path';
import type { PermissionHandler, PermissionRequest, SessionHooks } from '@github/copilot-sdk';
import type { PolicyLayer } from '../../contract/index.ts';
import { decideAll, type Decision, type ToolRequest } from '../../policy/decide.ts';
import type { Place } from '../../policy/commands.ts';
import { approvalRefusal, ASK_PARENT, policyRefusal } from '../../prompts/index.ts';
import { realTarget } from '../../system/real-path.ts';

type Answer = Awaited<ReturnType<PermissionHandler>>;
type Rejection = Extract<Answer, { kind: 'reject' }>;

/** Answers a permission request for which a policy asks; `requests` is what it was decided on. */
export type OnAsk = (
  request: PermissionRequest,
  decision: Decision,
  requests: readonly ToolRequest[],
) => Answer;

/** The policies of one Copilot session. */
interface PolicyGate {
  /** Answers permission requests that `handler` approves by the policies. */
  readonly within: (handler: PermissionHandler) => PermissionHandler;
  /** Adds to `hooks` the rules about tools that need no permission. */
  readonly hooks: (hooks: SessionHooks) => SessionHooks;
}

/**
 * Applies `layers` to a session.
 * @param place the workspace, and the folders that the session's shells have for home and temporary files
 * @param onAsk answers requests for which a policy asks
 * @returns undefined without any policy
 */
export function policyGate(
  layers: readonly PolicyLayer[],
  place: Place,
  onAsk: OnAsk,
): PolicyGate | undefined {
  if (layers.length === 0) return undefined;
  // Tools that ask for permission by themselves are under the default there.
  const byName = layers.map(({ layer, policy }) => ({
    layer,
    policy: { ...policy, default: 'allow' as const },
  }));
  return {
    within: (handler) => (request, invocation) => {
      const answer = handler(request, invocation);
      if (!('kind' in answer) || answer.kind !== 'approve-once') return answer;
      const requests = requestsOf(request, place);
      const decision = decideAll(layers, requests, place);
      switch (decision.decision) {
        case 'allow':
          return answer;
        case 'ask':
          return onAsk(request, decision, requests);
        case 'deny':
          return { kind: 'reject', feedback: policyRefusal(decision) };
      }
    },
    hooks: (hooks) => ({
      ...hooks,
      async onPreToolUse(input, invocation) {
        const own = await hooks.onPreToolUse?.(input, invocation);
        if (input.toolName === ASK_PARENT) return own;
        const decision = decideAll(byName, [{ kind: 'tool', name: input.toolName }], place);
        if (decision.decision === 'allow') return own;
        const permissionDecisionReason =
          decision.decision === 'deny' ? policyRefusal(decision) : refusal(decision).feedback;
        return { permissionDecision: 'deny', ...(permissionDecisionReason && { permissionDecisionReason }) };
      },
    }),
  };
}

/** Refuses what needs an approval, where nothing can wait for one. */
export const refusal = (decision: Decision): Rejection => ({
  kind: 'reject',
  feedback: approvalRefusal(decision),
});

/** What a permission request of Copilot asks for; nothing for our own tool. */
function requestsOf(request: PermissionRequest, place: Place): ToolRequest[] {
  switch (request.kind) {
    case 'shell':
      return [{ kind: 'command', text: request.fullCommandText, cwd: place.cwd }];
    case 'read':
      return pathRequests(request.path, 'read', place);
    case 'write':
      return pathRequests(request.fileName, 'write', place);
    case 'url':
      return [{ kind: 'host', url: request.url }];
    case 'mcp':
      return [{ kind: 'tool', name: `${request.serverName}/${request.toolName}` }];
    case 'custom-tool':
      return request.toolName === ASK_PARENT ? [] : [{ kind: 'tool', name: request.toolName }];
    default:
      return [{ kind: 'tool', name: request.kind }];
  }
}

/** A path as it is named, and what is opened there: links may lead to another place. */
function pathRequests(path: string, access: 'read' | 'write', { cwd }: Place): ToolRequest[] {
  const whole = isAbsolute(path) ? path : join(cwd, path);
  const target = realTarget(whole);
  return [...new Set([resolve(whole), target ?? resolve(whole)])].map((each) => ({
    kind: 'path',
    path: each,
    access,
  }));
}
