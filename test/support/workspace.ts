/** Workspace activities in an activity context, on a real home and a real repository. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createEvidenceActivities } from '../../activities/evidence/evidence.ts';
import { createSetUpActivities, type SetUpDependencies } from '../../activities/workspace/set-up.ts';
import { createVerifyActivities, type VerifyDependencies } from '../../activities/verification/verify.ts';
import { createWorkspaceActivities } from '../../activities/workspace/workspace.ts';
import {
  resolvedSpec,
  type CollectResult,
  type Lost,
  type PrepareInput,
  type ResolvedSpec,
  type SetUpResult,
  type SubagentRef,
  type VerifyInput,
  type VerifyResult,
  type Workspace,
} from '../../src/contract/index.ts';
import type { GetRunState } from '../../src/git/locks/checkout-lock.ts';
import type { Home } from '../../src/home/home.ts';
import { sweep } from '../../src/home/sweep.ts';
import type { Repository } from './repository.ts';

let runs = 0;

/** A subagent of its own for every call. */
export function subagentRef(label = 'fix', given: Partial<SubagentRef> = {}): SubagentRef {
  const number = `${process.pid}-${++runs}`;
  return {
    session: 'main',
    label,
    run: 1,
    workflowId: `subagent/main/${label}`,
    runId: `0199aaaa-bbbb-7ccc-8ddd-${number.replaceAll('-', '').padStart(12, '0')}`,
    copilotSessionId: `test-${number}`,
    ...given,
  };
}

export function specOf(repo: Repository, given: Partial<ResolvedSpec> = {}): ResolvedSpec {
  return resolvedSpec.parse({
    label: 'fix',
    task: 'Fix it.',
    repo: repo.path,
    base: { commit: repo.first, name: 'HEAD' },
    isolation: 'worktree',
    verify: [],
    hostQueue: 'a-host',
    ...given,
  });
}

/** An activity's context; silent about failures, which the tests expect. */
export function activityContext(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
}

/** One worker's workspace activities. What is `Lost` is for a worker to say, so results here never are. */
export function workspaceBench(
  home: Home,
  runState: GetRunState = async () => 'open',
  settings: { readonly repos: readonly string[] | undefined } = { repos: undefined },
) {
  const workspace = createWorkspaceActivities({
    home,
    settings,
    runState,
    sweep,
    hasConversation: () => true,
  });
  const evidence = createEvidenceActivities({ home });
  return {
    prepare: async (input: PrepareInput, env = activityContext()): Promise<Workspace> =>
      found<Workspace>(await env.run(workspace.prepareWorkspace, input)),
    setUp: async (
      { subagent }: PrepareInput,
      { cwd }: { cwd: string },
      commands: readonly string[],
      options: Pick<SetUpDependencies, 'space' | 'timeoutMs'> & { env?: MockActivityEnvironment } = {},
    ): Promise<Exclude<SetUpResult, Lost>> => {
      const { env = activityContext(), ...limits } = options;
      const { setUpWorkspace } = createSetUpActivities({ home, sweep, ...limits });
      return found<Exclude<SetUpResult, Lost>>(await env.run(setUpWorkspace, { subagent, cwd, commands }));
    },
    collect: async (
      input: PrepareInput,
      at: Workspace,
      env = activityContext(),
    ): Promise<Exclude<CollectResult, Lost>> =>
      found<Exclude<CollectResult, Lost>>(
        await env.run(evidence.collectEvidence, { ...input, workspace: at }),
      ),
    verify: async (
      { subagent, spec }: PrepareInput,
      { cwd, head }: { cwd: string; head: string },
      commands: readonly string[],
      options: Omit<VerifyDependencies, 'home'> &
        Pick<VerifyInput, 'fresh'> & { env?: MockActivityEnvironment } = {},
    ): Promise<Exclude<VerifyResult, Lost>> => {
      const { env = activityContext(), fresh, ...limits } = options;
      const { verifyCommit } = createVerifyActivities({ home, ...limits });
      return found<Exclude<VerifyResult, Lost>>(
        await env.run(verifyCommit, {
          subagent,
          cwd,
          head,
          commands,
          isolation: spec.isolation,
          ...(fresh && { fresh }),
        }),
      );
    },
  };
}

function found<T extends { kind: string }>(result: T | Lost): T {
  if (result.kind === 'lost') throw new Error('lost');
  return result as T;
}
