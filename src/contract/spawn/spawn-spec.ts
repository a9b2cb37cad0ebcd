// Written by test/contract/schemas.test.ts from the schemas in spec.ts and chain.ts: not to be changed by hand.

import type { CONTINUE_OPTIONS } from './spawn-options.ts';

/** What a caller asks for: the arguments of `session.spawn()`. Durations are written with their unit. */
export interface SpawnSpec {
  /** identifies the subagent, and names its branch subagents/<label> */
  label: string;
  /** detailed instructions: files, symptoms, set-up, and what done looks like */
  task: string;
  /**
   * a model that the worker allows
   * @default the worker’s
   */
  model?: string | undefined;
  /** how hard the model thinks: off, low, medium, high (or true) or xhigh */
  thinking?: 'off' | 'low' | 'medium' | 'high' | 'xhigh' | boolean | undefined;
  /**
   * path of the git repository, or its URL
   * @default the one around the current folder
   */
  repo?: string | undefined;
  /**
   * the commit, branch or tag to start from
   * @default HEAD of the checkout
   */
  base?: string | undefined;
  /**
   * worktree, or in-place: work in the checkout itself, without a worktree of its own
   * @default worktree
   */
  isolation?: 'worktree' | 'in-place' | undefined;
  /** carry the uncommitted changes of the checkout along, as the first commit of the branch */
  withChanges?: boolean | undefined;
  /** push the branch once it is done; for a repository that is named by URL */
  push?: boolean | undefined;
  /** with push: push the branch also where the outcome has a blocking caveat */
  force?: boolean | undefined;
  /** commands that run in the new worktree before the first turn, for example npm ci */
  setup?: string[] | string | undefined;
  /** commands that must exit 0 before the subagent is done */
  verify?: string[] | string | undefined;
  /**
   * run set-up and verification in a fresh checkout of its commit
   * @default verification runs in its worktree
   */
  verifyFresh?: boolean | undefined;
  /**
   * all (every tool without asking), workspace (file tools stay in the worktree and the temporary folder; shells are as free as ever) or read-only (no write, no shell)
   * @default all
   */
  permissions?: 'all' | 'workspace' | 'read-only' | undefined;
  /**
   * load the repository’s own Copilot hooks, extensions and MCP servers, and run the programs that its git configuration names
   * @default none of them
   */
  trustRepo?: boolean | undefined;
  /**
   * names of secret variables of the worker’s environment that shells and verification get
   * @default none of them
   */
  env?: string[] | string | undefined;
  /**
   * repository: commits are signed where git is configured so; off: they are not
   * @default repository
   */
  signing?: 'repository' | 'off' | undefined;
  /**
   * working time allowed, with its unit, for example 45m; neither queued nor asking counts
   * @default 4h
   */
  timeout?: string | undefined;
  /**
   * silence after which the subagent is announced as stuck
   * @default 10m
   */
  stuckAfter?: string | undefined;
  /**
   * equal calls in a row (or in a cycle of a few) with equal results, and no file changed meanwhile, after which it is announced as stuck, repeating
   * @default 20
   */
  stuckRepeats?: number | undefined;
  /**
   * report (announce it), nudge (and send it a message) or kill (and kill it)
   * @default report
   */
  onStuck?: 'report' | 'nudge' | 'kill' | undefined;
  /**
   * silence of a model call after which it is given up and tried again
   * @default 3m
   */
  hungAfter?: string | undefined;
  /**
   * how long a question waits before it is told to use its own judgement
   * @default for ever
   */
  answerTimeout?: string | undefined;
  /**
   * what it may use: it ends as over-budget when one is used up
   * @default no bound
   */
  budget?:
    | {
        /**
         * tokens it may use, in and out together, cached ones included; it then ends as over-budget
         * @default no bound
         */
        tokens?: number | undefined;
        /**
         * turns it may take: the task is one, and so is every repair, answer or late steer
         * @default no bound
         */
        turns?: number | undefined;
        /**
         * model calls that may be answered
         * @default no bound
         */
        modelRequests?: number | undefined;
      }
    | undefined;
}

/** A subagent that goes on: the new task, and what is to differ from the run before. All else stays as it was. */
export type ContinueSpec = Pick<SpawnSpec, 'task' | (typeof CONTINUE_OPTIONS)[number]>;

/** One step of a chain: a subagent, or with `forEach` several. */
export interface ChainStep extends Omit<SpawnSpec, 'label' | 'task'> {
  /** names the step: its subagent is called <chain>.<id> */
  id: string;
  /** what to do; {{research.report}}, {{research.branch}} and the like quote a step that it needs, {{params.name}} a parameter, and \{{ is two braces */
  task: string;
  /**
   * steps that must be done before
   * @default the step before this one; []: none
   */
  needs?: string | string[] | undefined;
  /** start from the branch of this step, which it must need */
  from?: string | undefined;
  /** a list in what an earlier step came to, such as plan.output.files or research.outcome.evidence.filesChanged: the step runs once for each entry ({{item}}, {{index}}), at most 100 */
  forEach?: string | undefined;
  /** a JSON schema: the final message must be JSON that fits it, and {{plan.output.files}} quotes from it; what does not fit goes back to the subagent once */
  output?: Record<string, unknown> | undefined;
  /** files that must be in its workspace at its end, text of at most 256 KiB each; {{research.artifacts.docs/plan.md}} quotes one whole */
  artifacts?: string[] | string | undefined;
  /** of a forEach: how many run at once */
  maxConcurrent?: number | undefined;
}

/** A chain: steps that are subagents, whose tasks may quote what earlier ones came to. */
export interface ChainSpec {
  /** names the chain; its steps are called <label>.<step> */
  label: string;
  /** what it is for */
  description?: string | undefined;
  /** what a run is given: {{params.name}} in tasks */
  params?:
    | Record<
        string,
        {
          description?: string | undefined;
          /** its value where none is given; without one it must be given */
          default?: string | undefined;
          /** it holds words of others (a diff, a log): quoted as data, between marks */
          data?: boolean | undefined;
        }
      >
    | undefined;
  /**
   * how many steps run at once
   * @default all that can
   */
  maxConcurrent?: number | undefined;
  /** all (default): every step runs; first: the first that is done ends it, and the others are killed */
  until?: 'all' | 'first' | undefined;
  /** in order; each needs the one before, unless it says else */
  steps: ChainStep[];
}
