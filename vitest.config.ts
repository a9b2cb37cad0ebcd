import { configDefaults, defineConfig } from 'vitest/config';
import { PATIENCE_MS } from './test/support/eventually.ts';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const tests = (...paths: string[]): string[] => paths.map((path) => `test/${path}.test.ts`);

/** Decisions alone: no process, no server. `test/support/no-process.ts` sees to it. */
const UNIT = tests(
  'activities/{failure-reason,watch,work-slots}',
  'chain/{chain,output,pattern}',
  'checks/programs',
  'cli/{exit,render,scroll}',
  'client/{linked-signal,selection,spec,targets,types}',
  'contract/*',
  'copilot/{decide,errors,live-calls,repeats,verdict}',
  'demo/scripted-model',
  'docs/{pages,states}',
  'keys/envelope',
  'policy/*',
  'prompts/prompts',
  'store/store',
  'home/{allowed-repos,environment,leases,redact,secret-names,settings}',
  'system/{bounded-log,optional-packages,real-path,work-clock}',
  'temporal/{target,ui-payloads}',
  'tools/{fence,outcome}',
  'worker/{show-worker,up-restarts}',
  'workflows/{labels,lifecycle,outbox,outcome,panel,prompt}',
);
/** Real git and a real home; no Temporal, no Copilot CLI. */
const GIT = tests(
  'git/*',
  'activities/{artifacts,as-checked-out,caveats,clean,clone,evidence,repository-settings,set-up,space-gate,unattended,verified,verify,workspace,worktree-location}',
  'sandbox/{network,place}',
  'system/scratch-folder',
);
/**
 * What takes minutes and one change in ten touches: the documents' commands, the demo, the benchmark, chaos, the deployment; other
 * programs that drive ours, as their users do; every shape of repository; every part killed, frozen or replaced at every
 * moment (`npm test` keeps `e2e/recovery`); every mood of `up`. `npm test` leaves them out, `.ci/run` does not.
 */
const SLOW = tests(
  '{bench,chaos,deployment}/*',
  'activities/deliver',
  'cli/{down-up,keys,store,terminal,up}',
  'client/{clean,moved,package-types,workerless}',
  'copilot/unattended',
  'demo/demo',
  'docs/{commands,examples}',
  'e2e/{approvals,asleep,away,checkouts,crash,deaths,frozen,hostile,limits,outbox,pools,pushed,ready-made,reopened,repository-code,shapes,shapes-out,temporal-tools,usage,web-ui,workers}',
  'extension/{copilot,orchestrator}',
  'mcp/{copilot,hostile,inspector,server}',
  'sandbox/{bounds,repositories,traps}',
  'store/s3',
  'temporal/{binary,embedded}',
  'worker/cached-workflows',
);

const withServer = { globalSetup: ['test/support/global-setup.ts'] };
const setupFiles = ['test/support/each-file.ts'];

/** They take longest, most of it waiting, which their size does not tell. */
const LONGEST = [
  'cli/up',
  'docs/commands',
  'e2e/away',
  'e2e/chain',
  'e2e/crash',
  'e2e/deaths',
  'e2e/shapes',
  'extension/copilot',
  'mcp/server',
];

/** Files that take long are begun first, so that nothing is waited for at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ project, moduleId }: TestSpecification): number =>
      LONGEST.some((name) => moduleId.endsWith(`/${name}.test.ts`))
        ? -1
        : ['slow', 'system', 'git', 'unit'].indexOf(project.name);
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    // Generous: what runs beside may take the processor for a long time.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/run-folder.ts'],
    expect: { poll: { timeout: PATIENCE_MS } },
    pool: 'forks',
    // Loading the client and its packages costs a file a second of the processor.
    isolate: false,
    // The suite needs the processor for about as long as two cores have in its time: more side by side makes each part late, not the whole.
    maxWorkers: 3,
    maxConcurrency: 4,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: UNIT, setupFiles: ['test/support/no-process.ts'] },
      },
      { extends: true, test: { name: 'git', include: GIT, setupFiles } },
      { extends: true, test: { name: 'slow', include: SLOW, setupFiles, ...withServer } },
      {
        extends: true,
        test: {
          name: 'system',
          include: tests('**/*'),
          exclude: [...configDefaults.exclude, ...UNIT, ...GIT, ...SLOW],
          setupFiles,
          ...withServer,
        },
      },
    ],
  },
});
