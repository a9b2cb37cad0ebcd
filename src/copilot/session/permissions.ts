/** What the tools of a subagent may do: answers to Copilot's permission requests. */
import { realpathSync } from 'node:fs';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { approveAll, type PermissionHandler, type PermissionRequest } from '@github/copilot-sdk';
import type { Permissions } from '../../contract/index.ts';
import { isWithin, realTarget } from '../../system/real-path.ts';
import {
  ASK_PARENT,
  outsideRefusal,
  READ_ONLY_REFUSAL,
  unknownRefusal,
  sandboxRefusal,
} from '../../prompts/index.ts';

/**
 * All tools of a read-only subagent, and so of Copilot's sub-agents within it: no tool that writes, no shell, no web,
 * no tools of a repository. `sql` accesses only the notes of its own session.
 */
export const READ_ONLY_TOOLS = [
  ...['view', 'grep', 'rg', 'glob', 'sql', 'skill', 'report_intent'],
  ...['task', 'read_agent', 'list_agents', 'write_agent'],
  ASK_PARENT,
];

/** All tools of a sandboxed subagent: shells, which run behind its walls, and tools without access to files. */
export const SANDBOXED_TOOLS = [
  ...['bash', 'read_bash', 'write_bash', 'stop_bash', 'list_bash', 'sql', 'report_intent'],
  ASK_PARENT,
];

/**
 * Answers permission requests of one Copilot session that works in `cwd` and the folder `temporary`, including requests
 * of Copilot's own sub-agents. Unknown kinds of requests are refused. Paths are judged by their real target at that
 * moment; a concurrent shell (only with `workspace`) can change it.
 */
export function permissionHandler(
  permissions: Permissions,
  {
    cwd,
    temporary,
    sandboxed = false,
  }: { readonly cwd: string; readonly temporary: string; readonly sandboxed?: boolean },
): PermissionHandler {
  if (sandboxed) return shellsAlone;
  if (permissions === 'all') return approveAll;
  const roots = [cwd, temporary].map((folder) => realpathSync.native(folder));
  const within = (path: string): boolean => {
    const whole = isAbsolute(path) ? path : join(cwd, sep) + path;
    // Whoever opens the path may resolve `..` before symbolic links, so the path must be inside both ways.
    return [whole, resolve(whole)].every((way) => {
      const target = realTarget(way);
      return target !== undefined && roots.some((root) => isWithin(root, target));
    });
  };
  return (request) => {
    const problem = refusal(request, permissions, within);
    return problem === undefined ? { kind: 'approve-once' } : { kind: 'reject', feedback: problem };
  };
}

const shellsAlone: PermissionHandler = (request) =>
  request.kind === 'shell' || (request.kind === 'custom-tool' && request.toolName === ASK_PARENT)
    ? { kind: 'approve-once' }
    : {
        kind: 'reject',
        feedback: sandboxRefusal(request.kind),
      };

/** Why a request is refused, as text for the model. */
function refusal(
  request: PermissionRequest,
  permissions: Exclude<Permissions, 'all'>,
  within: (path: string) => boolean,
): string | undefined {
  const readOnly = permissions === 'read-only' ? READ_ONLY_REFUSAL : undefined;
  switch (request.kind) {
    case 'read':
      return within(request.path) ? undefined : outsideRefusal(request.path);
    case 'write':
      return readOnly ?? (within(request.fileName) ? undefined : outsideRefusal(request.fileName));
    case 'custom-tool':
      return request.toolName === ASK_PARENT ? undefined : readOnly;
    case 'shell':
    case 'url':
    case 'mcp':
      return readOnly;
    default:
      return unknownRefusal(request.kind);
  }
}
