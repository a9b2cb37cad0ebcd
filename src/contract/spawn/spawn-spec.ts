// Written by test/contract/schemas.test.ts from the schemas in spec.ts and chain.ts: not to be changed by hand.

import type { CONTINUE_OPTIONS } from './spawn-options.ts';

/** A request for a subagent: the arguments of `session.spawn()`. Durations are written with their unit. */
export interface SpawnSpec {
  /** identifies the subagent; its branch is subagents/<label> */
  label: string;
  /** detailed instructions: files, symptoms, set-up, and when it is done */
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
   * the pool whose workers may take it; the commits of a checkout go there through the store
   * @default SUBAGENTS_POOL; else default for a URL (this host if no worker is in that pool), this host for a path
   */
  pool?: string | undefined;
  /**
   * the commit, branch or tag to start from
   * @default HEAD of the checkout
   */
  base?: string | undefined;
  /**
   * worktree: work in a worktree of its own; in-place: work in the checkout itself
   * @default worktree
   */
  isolation?: 'worktree' | 'in-place' | undefined;
  /** include the uncommitted changes of the checkout, as the first commit of the branch */
  withChanges?: boolean | undefined;
  /** push the branch once the subagent is done; only for a repository that is named by URL */
  push?: boolean | undefined;
  /** with push: push even if the outcome has a blocking caveat */
  force?: boolean | undefined;
  /** commands that run in the new worktree before the first turn, for example npm ci */
  setup?: string[] | string | undefined;
  /** commands that must exit 0 before the subagent is done */
  verify?: string[] | string | undefined;
  /**
   * run set-up and verification in a fresh checkout of the commit
   * @default verification runs in the worktree
   */
  verifyFresh?: boolean | undefined;
  /**
   * all (every tool without asking), workspace (file tools stay in the worktree and the temporary folder; shells are not restricted) or read-only (no write, no shell)
   * @default all
   */
  permissions?: 'all' | 'workspace' | 'read-only' | undefined;
  /**
   * tools, set-up and verification run in a sandbox: its own clone, no network (see network), and nothing else of this machine than programs
   * @default none, unless the worker asks for one
   */
  sandbox?: true | undefined;
  /**
   * what a sandboxed subagent reaches over HTTP and HTTPS: none, all (the internet), or hosts separated by commas, for example registry.npmjs.org,*.github.com; an address of this machine or its network only by host and port
   * @default none
   */
  network?: string | undefined;
  /**
   * rules that allow, ask for or deny commands, paths, hosts and tools: careful, or (at the terminal) a JSON file; the worker’s and the repository’s apply as well, and the strictest decides
   * @default none, unless the worker or the repository has one
   */
  policy?:
    | {
        /** a ready-made policy whose rules are added to those of this one */
        use?: 'careful' | undefined;
        /**
         * decision on what no rule is about
         * @default allow
         */
        default?: 'allow' | 'ask' | 'deny' | undefined;
        /** exceptions from ask and from default */
        allow?: string[] | undefined;
        /** what needs an approval */
        ask?: string[] | undefined;
        /** what is refused, whatever else the policy says */
        deny?: string[] | undefined;
      }
    | 'careful'
    | undefined;
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
   * repository: commits are signed if git is configured to sign; off: they are not signed
   * @default repository
   */
  signing?: 'repository' | 'off' | undefined;
  /**
   * maximum working time, with its unit, for example 45m; time spent queued or asking does not count
   * @default 4h
   */
  timeout?: string | undefined;
  /**
   * time without any event after which the subagent is announced as stuck
   * @default 10m
   */
  stuckAfter?: string | undefined;
  /**
   * number of equal tool calls in a row (or in a short cycle) with equal results and no changed file, after which the subagent is announced as stuck, repeating
   * @default 20
   */
  stuckRepeats?: number | undefined;
  /**
   * what to do with a stuck subagent: report (announce it), nudge (also send it a message) or kill (also kill it)
   * @default report
   */
  onStuck?: 'report' | 'nudge' | 'kill' | undefined;
  /**
   * time without any byte of a model call after which the call is aborted and tried again
   * @default 3m
   */
  hungAfter?: string | undefined;
  /**
   * how long a question waits for an answer before the subagent goes on by its own judgement
   * @default no limit
   */
  answerTimeout?: string | undefined;
  /**
   * how long a tool call waits for an approval before it counts as rejected
   * @default no limit
   */
  approvalTimeout?: string | undefined;
  /**
   * limits of use: the subagent ends as over-budget when one is used up
   * @default no limit
   */
  budget?:
    | {
        /**
         * maximum number of tokens, input and output together, including cached ones; then it ends as over-budget
         * @default no limit
         */
        tokens?: number | undefined;
        /**
         * maximum number of turns: the task is one, and so is every repair, answer or late steer
         * @default no limit
         */
        turns?: number | undefined;
        /**
         * maximum number of answered model calls
         * @default no limit
         */
        modelRequests?: number | undefined;
      }
    | undefined;
}

/** A continuation: the new task, and the options that change. All other options keep their values. */
export type ContinueSpec = Pick<SpawnSpec, 'task' | (typeof CONTINUE_OPTIONS)[number]>;

/** One step of a chain: a subagent, or several with `forEach`. */
export interface ChainStep extends Omit<SpawnSpec, 'label' | 'task'> {
  /** name of the step; its subagent has the label <chain>.<id> */
  id: string;
  /** what to do; {{research.report}}, {{research.branch}} and so on quote a step that this one needs, {{params.name}} quotes a parameter, \{{ writes two literal braces */
  task: string;
  /**
   * steps that must be done before this one starts
   * @default the previous step; []: none
   */
  needs?: string | string[] | undefined;
  /** start from the branch of this step, which must be in needs */
  from?: string | undefined;
  /** a list in the result of an earlier step, for example plan.output.files or research.outcome.evidence.filesChanged; the step runs once for each entry ({{item}}, {{index}}), at most 100 */
  forEach?: string | undefined;
  /** a JSON schema: the final message must be JSON that is valid against it, and {{plan.output.files}} quotes a part of that JSON; an invalid message goes back to the subagent once */
  output?: Record<string, unknown> | undefined;
  /** files that must be in the workspace when the step ends, text of at most 256 KiB each; {{research.artifacts.docs/plan.md}} quotes a whole file */
  artifacts?: string[] | string | undefined;
  /** with forEach: how many subagents run at once */
  maxConcurrent?: number | undefined;
}

/** A chain: steps that are subagents, whose tasks may quote the outcomes of earlier steps. */
export interface ChainSpec {
  /** label of the chain; its steps have the labels <label>.<step> */
  label: string;
  /** what the chain is for */
  description?: string | undefined;
  /** parameters of a run; {{params.name}} quotes one in a task */
  params?:
    | Record<
        string,
        {
          description?: string | undefined;
          /** value if none is given; a parameter without a default must be given */
          default?: string | undefined;
          /** the value is text from others (a diff, a log): it is quoted as data, between marks */
          data?: boolean | undefined;
        }
      >
    | undefined;
  /**
   * how many steps run at once
   * @default no limit
   */
  maxConcurrent?: number | undefined;
  /** all (default): every step runs; first: the first step that is done ends the chain, and the others are killed */
  until?: 'all' | 'first' | undefined;
  /** in order; each step needs the previous one, unless `needs` says otherwise */
  steps: ChainStep[];
}
