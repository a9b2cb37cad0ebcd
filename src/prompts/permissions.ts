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

/** What a policy decided against a tool call. */
interface AgainstCall {
  /** The rule, as it is written. */
  readonly rule?: string;
  /** Whose policy it is. */
  readonly layer?: 'worker' | 'repository' | 'spawn';
  /** The part of the call that the rule is about. */
  readonly part?: string;
  /** Why, where no rule says it. */
  readonly why?: string;
}

const OWNERS = { worker: 'of this worker', repository: 'of the repository', spawn: 'of this task' } as const;
const WHAT_NOW =
  'Do not look for another way to the same end. Go on without it if you can; otherwise end, and say in your report what is missing and why.';

/** Says what of a call a policy is about, and which rule of whom. */
function againstText({ rule, layer, part, why }: AgainstCall): string {
  const policy = layer === undefined ? 'the policy' : `the policy ${OWNERS[layer]}`;
  const by = rule === undefined ? policy : `the rule "${rule}" of ${policy}`;
  return `${part ?? 'this call'} (${[by, why].filter(Boolean).join('; ')})`;
}

/** A tool call that a policy denies. */
export const policyRefusal = (decision: AgainstCall): string =>
  `Denied: ${againstText(decision)}. ${WHAT_NOW}`;

/** A tool call that needs an approval which nobody can give. */
export const approvalRefusal = (decision: AgainstCall): string =>
  `Not run, because it needs an approval: ${againstText(decision)}. ${WHAT_NOW}`;
