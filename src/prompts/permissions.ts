/** Why a tool call of a subagent is refused. */

export const READ_ONLY_REFUSAL = 'This subagent is read-only';

export const outsideRefusal = (path: string): string =>
  `${path} is outside the workspace and the temporary folder: the permissions of this subagent do not allow access to it.`;

/** @param kind Copilot's name of a kind of request that we do not know */
export const unknownRefusal = (kind: string): string =>
  `The permissions of this subagent do not allow this (${kind}).`;

/** @param kind Copilot's name of a kind of request that only a shell may make in a sandbox */
export const sandboxRefusal = (kind: string): string =>
  `This subagent works in a sandbox: only its shell can do that (${kind}).`;

export const OUTSIDE_SANDBOX_REFUSAL =
  'This subagent works in a sandbox, and this tool is outside of it: use the shell.';
