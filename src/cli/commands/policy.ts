/** `subagents policy` and its commands: what the policies of here would decide, without a server. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { firstProblem, validate } from '../../contract/check.ts';
import { SubagentsError } from '../../contract/errors.ts';
import type { Policy, PolicyLayer } from '../../contract/policies/policy.ts';
import { repositorySettings, SETTINGS_FILE } from '../../contract/spawn/repository-settings.ts';
import { CAREFUL } from '../../policy/careful.ts';
import { decideAll, type ToolRequest } from '../../policy/decide.ts';
import { readPolicy } from '../../policy/source.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { PolicyCheckJson, PolicyShowJson } from '../json.ts';

/** Where the policies are from that a command looks at. */
export interface PolicyFlags {
  readonly policy?: string | undefined;
  readonly repo?: string | undefined;
}

/** What is asked for, beside a command. */
export interface PolicyCheckFlags extends PolicyFlags {
  readonly path?: string | undefined;
  readonly write?: true | undefined;
  readonly host?: string | undefined;
  readonly tool?: string | undefined;
}

/** `subagents policy check` */
export async function policyCheckCommand(
  { output }: Context,
  words: readonly string[],
  flags: PolicyCheckFlags,
): Promise<number> {
  const cwd = resolve(flags.repo ?? '.');
  const layers = layersOf(flags);
  const requests = requestsOf(words, flags, cwd);
  if (requests.length === 0)
    throw new SubagentsError('BAD_INPUT', 'nothing to decide on', {
      remedy: 'name a command, or --path, --host or --tool: subagents policy check "git push origin main"',
    });
  const decision = decideAll(layers, requests, { cwd, home: homedir(), temporary: tmpdir() });
  output.data({ ...decision, layers: layers.map(({ layer }) => layer) } satisfies PolicyCheckJson);
  const { colors } = output;
  const shown = { allow: colors.green, ask: colors.yellow, deny: colors.red }[decision.decision];
  output.line(`${shown(decision.decision)}  ${decision.part ?? [...words].join(' ')}`.trimEnd());
  if (decision.rule !== undefined) output.line(`  rule   ${decision.rule}`);
  if (decision.layer !== undefined) output.line(`  layer  ${decision.layer}`);
  if (decision.why !== undefined) output.line(`  why    ${decision.why}`);
  if (layers.length === 0) output.note('There is no policy here: give one with --policy.');
  return { allow: EXIT.ok, ask: EXIT.ask, deny: EXIT.denied }[decision.decision];
}

/** `subagents policy show` */
export async function policyShowCommand({ output }: Context, flags: PolicyFlags): Promise<number> {
  const layers = layersOf(flags);
  output.data({ layers } satisfies PolicyShowJson);
  for (const { layer, policy } of layers) {
    output.line(output.colors.bold(layer));
    for (const line of policyLines(policy)) output.line(`  ${line}`);
  }
  if (layers.length === 0) output.line('There is no policy here: see docs/gates.md.');
  return EXIT.ok;
}

function policyLines({ use, default: preset, ...lists }: Policy): string[] {
  const rules = (name: 'deny' | 'allow' | 'ask'): string[] => [
    ...(lists[name] ?? []),
    ...((use === undefined ? undefined : CAREFUL[name]) ?? []),
  ];
  return [
    ...(use === undefined ? [] : [`use ${use}`]),
    ...(['deny', 'allow', 'ask'] as const).flatMap((name) =>
      rules(name).map((rule) => `${name.padEnd(5)}  ${rule}`),
    ),
    `everything else: ${preset ?? 'allow'}`,
  ];
}

function requestsOf(
  words: readonly string[],
  { path, write, host, tool }: PolicyCheckFlags,
  cwd: string,
): ToolRequest[] {
  return [
    ...(words.length > 0 ? [{ kind: 'command' as const, text: words.join(' '), cwd }] : []),
    ...(path === undefined
      ? []
      : [{ kind: 'path' as const, path, access: write ? ('write' as const) : ('read' as const) }]),
    ...(host === undefined
      ? []
      : [{ kind: 'host' as const, url: host.includes('://') ? host : `https://${host}` }]),
    ...(tool === undefined ? [] : [{ kind: 'tool' as const, name: tool }]),
  ];
}

/** The policies that a subagent would have that is spawned here: of this environment, of the folder, and of --policy. */
function layersOf({ policy, repo }: PolicyFlags): PolicyLayer[] {
  const ofWorker = process.env['SUBAGENTS_POLICY']?.trim();
  const ofRepository = repositoryPolicy(resolve(repo ?? '.'));
  return [
    ...(ofWorker ? [{ layer: 'worker' as const, policy: readPolicy(ofWorker) }] : []),
    ...(ofRepository ? [{ layer: 'repository' as const, policy: ofRepository }] : []),
    ...(policy === undefined ? [] : [{ layer: 'spawn' as const, policy: readPolicy(policy) }]),
  ];
}

function repositoryPolicy(folder: string): Policy | undefined {
  const file = join(folder, SETTINGS_FILE);
  if (!existsSync(file)) return undefined;
  const bad = (problem: string): SubagentsError =>
    new SubagentsError('BAD_INPUT', `${file}: ${problem}`, { remedy: 'correct the file' });
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw bad((error as Error).message);
  }
  const parsed = validate(repositorySettings, content);
  if (!parsed.success) throw bad(firstProblem(parsed.error));
  return parsed.data.policy;
}
