/** Opens a subagent's Copilot session in a runtime. */
import { existsSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  defineTool,
  type CopilotSession,
  type PermissionHandler,
  type ResumeSessionConfig,
  type SessionEvent,
  type SessionHooks,
} from '@github/copilot-sdk';
import { z } from 'zod';
import { stripControls, type Permissions, type PolicyLayer, type Thinking } from '../../contract/index.ts';
import { ensurePrivateDir, writePrivateFile } from '../../system/files.ts';
import { isBrokenStateError, CopilotSessionLost } from './session-files.ts';
import { eventLogPath } from '../log/event-log.ts';
import {
  ASK_PARENT,
  ASK_PARENT_ARGUMENTS,
  ASK_PARENT_DESCRIPTION,
  instructionsFor,
  OUTSIDE_SANDBOX_REFUSAL,
  refusedPathsText,
} from '../../prompts/index.ts';
import type { AskedCalls } from '../turn/approvals.ts';
import { askedCallOf } from './asked-call.ts';
import { policyGate, refusal, type OnAsk } from './policy-gate.ts';
import { permissionHandler, READ_ONLY_TOOLS, SANDBOXED_TOOLS } from './permissions.ts';
import { copilotSandbox, largeOutputs, setWalls } from '../../sandbox/launcher.ts';
import { countRefusedPaths } from '../../sandbox/refused-paths.ts';
import { openNetwork } from '../../sandbox/network/proxies.ts';
import { SANDBOX_PLACE, type Walls } from '../../sandbox/walls.ts';
import { requireSandbox } from '../../sandbox/probe.ts';
import { defaultModel, providerFrom } from '../runtime/provider.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { storeLoaded, listLoaded, trustFolder } from '../runtime/trust.ts';

/** How to open a Copilot session. */
export interface SessionSpec {
  readonly copilotSessionId: string;
  readonly cwd: string;
  /** Default: the environment's model, or else Copilot's choice. */
  readonly model?: string | undefined;
  /** `off` requests no effort, which gives the model's default. */
  readonly thinking?: Thinking | undefined;
  /** What its tools may do. Set at each opening, because a session does not remember it. */
  readonly permissions: Permissions;
  /**
   * Where calls are recorded for which a policy asks, and the kinds of them that are approved already; without it they
   * are refused.
   */
  readonly approvals?: { readonly asked: AskedCalls; readonly approvedKinds: readonly string[] } | undefined;
  /** What its tools may do within that, and what has to be asked for; set at each opening; default: nothing. */
  readonly policies?: readonly PolicyLayer[] | undefined;
  /** Whether to load the repository's hooks, extensions, MCP servers, skills and agents. */
  readonly trustRepo: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly copilotHome: string;
  /** A bash script that every shell of the session runs first. */
  readonly initScript: string;
  /** The walls around its shells, which are then all the tools that it has; default: none. */
  readonly sandbox?: Walls | undefined;
  /** The repository's instructions (AGENTS.md), where Copilot must not read them by itself. */
  readonly repositoryInstructions?: string | undefined;
  /** Whether calls of `ask_parent` without a result stay open; otherwise they count as interrupted. */
  readonly keepQuestions: boolean;
  /** Whether the conversation must exist: a lost one must not silently be replaced by a new one. */
  readonly mustExist: boolean;
  readonly onEvent: (event: SessionEvent) => void;
  readonly hooks?: SessionHooks;
}

const askParent = defineTool(ASK_PARENT, {
  description: ASK_PARENT_DESCRIPTION,
  parameters: z.object({
    question: z.string().describe(ASK_PARENT_ARGUMENTS.question),
    choices: z.array(z.string()).optional().describe(ASK_PARENT_ARGUMENTS.choices),
  }),
});

/**
 * Resumes the session, or creates it if there is none: creating an existing one would silently restart it on the same
 * file. Settings that a session does not remember are set again.
 * @throws CopilotSessionLost
 */
export async function openSession(runtime: Runtime, spec: SessionSpec): Promise<CopilotSession> {
  const { sandbox, copilotHome, copilotSessionId } = spec;
  let walled = false;
  const config = sessionConfig(spec, () => walled);
  const path = writeInitScript(spec);
  if (sandbox) {
    await requireSandbox({ network: sandbox.network?.hosts });
    await openNetwork(sandbox);
    setWalls(copilotHome, copilotSessionId, sandbox);
  }
  if (spec.trustRepo) await trustFolder(runtime, spec.cwd, spec.copilotSessionId);
  const session = await resumeOrCreate(runtime, spec, config);
  await runtime.request(
    Promise.all([
      // Saves a permission request for each tool call.
      session.rpc.permissions.setApproveAll({
        enabled: spec.permissions === 'all' && !sandbox && !spec.policies?.length,
      }),
      session.rpc.options.update({
        shell: { initScripts: [{ path, shell: 'bash' }] },
        ...(sandbox && { sandboxConfig: copilotSandbox(copilotHome, copilotSessionId) }),
      }),
    ]),
  );
  walled = true;
  if (spec.trustRepo)
    storeLoaded(spec.copilotHome, spec.copilotSessionId, await listLoaded(runtime, session, spec.cwd));
  return session;
}

async function resumeOrCreate(
  runtime: Runtime,
  { copilotHome, copilotSessionId: sessionId, keepQuestions, mustExist }: SessionSpec,
  config: ResumeSessionConfig,
): Promise<CopilotSession> {
  const create = () => {
    if (mustExist) throw new CopilotSessionLost('its state is missing');
    return runtime.request(runtime.client.createSession({ ...config, sessionId }));
  };
  if (!existsSync(eventLogPath(copilotHome, sessionId))) return create();
  try {
    const resumed = runtime.client.resumeSession(sessionId, {
      ...config,
      continuePendingWork: keepQuestions,
    });
    return await runtime.request(resumed);
  } catch (error) {
    if (isBrokenStateError(error))
      throw new CopilotSessionLost(stripControls((error as Error).message), { cause: error });
    if (!/session not found/i.test(String(error))) throw error;
    return create();
  }
}

/** @param walled whether the sandbox of the session is in force, which it is neither when it is made nor when it is resumed */
function sessionConfig(spec: SessionSpec, walled: () => boolean): ResumeSessionConfig {
  const model = spec.model ?? defaultModel(spec.env);
  const provider = providerFrom(spec.env, model);
  const { handler, hooksWithin } = gateOf(spec);
  const hooks = spec.hooks && hooksWithin(spec.hooks);
  const effort = spec.thinking === 'off' ? undefined : spec.thinking;
  return {
    clientName: 'durable-subagents',
    workingDirectory: spec.cwd,
    ...(model !== undefined && { model }),
    ...(effort !== undefined && { reasoningEffort: effort }),
    ...(provider !== undefined && { provider }),
    // Without deltas, a slow model looks like a hung one.
    streaming: true,
    onPermissionRequest: handler,
    ...(spec.permissions === 'read-only' && { availableTools: READ_ONLY_TOOLS }),
    ...(spec.sandbox && sandboxedConfig(spec)),
    onEvent: spec.onEvent,
    ...(hooks && {
      hooks: spec.sandbox ? guardedHooks(hooks, walled, { walls: spec.sandbox, cwd: spec.cwd }) : hooks,
    }),
    systemMessage: { mode: 'append', content: instructionsFor(spec) },
    tools: [askParent],
    // An untrusted repository may not run its own hooks, extensions and MCP servers. Its instructions (AGENTS.md) are
    // still used.
    enableConfigDiscovery: spec.trustRepo,
    enableFileHooks: spec.trustRepo,
    requestExtensions: spec.trustRepo,
    // The runtime offers these tools to every session once one session has asked for extensions.
    ...(!spec.trustRepo && { excludedTools: ['extensions_reload', 'extensions_manage'] }),
    memory: { enabled: false },
    enableSessionStore: false,
    enableSessionTelemetry: false,
  };
}

/** What decides on the tool calls of a session. */
interface Gate {
  /** Answers permission requests; those that need an approval stay open. */
  readonly handler: PermissionHandler;
  /** Adds the rules about tools that need no permission. */
  readonly hooksWithin: (hooks: SessionHooks) => SessionHooks;
}

/** What decides on the tool calls of a session: its permissions, and within these its policies. */
export function gateOf({
  permissions,
  policies = [],
  cwd,
  env,
  sandbox,
  approvals,
}: Pick<SessionSpec, 'permissions' | 'policies' | 'cwd' | 'env' | 'sandbox' | 'approvals'>): Gate {
  const temporary = env['TMPDIR'] ?? tmpdir();
  const place = { cwd, ...(sandbox ? SANDBOX_PLACE : { home: env['HOME'] ?? homedir(), temporary }) };
  const within = permissionHandler(permissions, { cwd, temporary, sandboxed: sandbox !== undefined });
  const onAsk: OnAsk = (request, decision, requests) => {
    const call = askedCallOf(request, decision, { layers: policies, requests, place });
    if (call.always !== undefined && approvals?.approvedKinds.includes(call.always))
      return { kind: 'approve-once' };
    if (approvals?.asked.record(request, call)) return { kind: 'no-result' };
    return refusal(decision);
  };
  const gate = policyGate(policies, place, onAsk);
  return {
    handler: gate ? gate.within(within) : within,
    hooksWithin: (hooks) => (gate ? gate.hooks(hooks) : hooks),
  };
}

/** Settings of a session that has shells alone: Copilot's other tools, and what it reads by itself, are outside the walls. */
const sandboxedConfig = ({ copilotHome, copilotSessionId }: SessionSpec): Partial<ResumeSessionConfig> => ({
  availableTools: SANDBOXED_TOOLS,
  skipCustomInstructions: true,
  enableOnDemandInstructionDiscovery: false,
  largeOutput: { outputDirectory: largeOutputs(copilotHome, copilotSessionId) },
});

/**
 * Refuses every tool call as long as the sandbox is not in force, and every tool that is not known to keep to it. Counts the
 * paths that the sandbox refuses to commands, and tells the model of the first ones.
 */
function guardedHooks(
  hooks: SessionHooks,
  walled: () => boolean,
  { walls, cwd }: { readonly walls: Walls; readonly cwd: string },
): SessionHooks {
  let told = false;
  return {
    ...hooks,
    async onPreToolUse(input, invocation) {
      const allowed = walled() && SANDBOXED_TOOLS.includes(input.toolName);
      const own = await hooks.onPreToolUse?.(input, invocation);
      if (allowed) return own;
      return {
        permissionDecision: 'deny',
        permissionDecisionReason: OUTSIDE_SANDBOX_REFUSAL,
      };
    },
    async onPostToolUse(input, invocation) {
      const { toolResult } = input;
      const refused = countRefusedPaths(walls, cwd, toolResult.textResultForLlm);
      if (refused.length === 0 || told) return hooks.onPostToolUse?.(input, invocation);
      told = true;
      const textResultForLlm = `${toolResult.textResultForLlm}\n${refusedPathsText(refused)}`;
      const modifiedResult = { ...toolResult, textResultForLlm };
      const own = await hooks.onPostToolUse?.({ ...input, toolResult: modifiedResult }, invocation);
      return { ...own, modifiedResult };
    },
  };
}

function writeInitScript({ copilotHome, copilotSessionId, initScript }: SessionSpec): string {
  const folder = join(copilotHome, 'init-scripts');
  ensurePrivateDir(folder);
  const path = join(folder, `${copilotSessionId}.sh`);
  writePrivateFile(path, initScript);
  return path;
}
