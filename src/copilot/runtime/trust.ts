/**
 * A repository's own Copilot hooks, extensions, MCP servers, skills and agents, loaded only if the caller trusts it.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CopilotSession } from '@github/copilot-sdk';
import { z } from 'zod';
import { oneLine } from '../../contract/index.ts';
import { ensurePrivateDir, readIfThere, writePrivateFile } from '../../system/files.ts';
import type { Runtime } from './runtime.ts';

/** Milliseconds that an extension may take to start. */
const MAX_START_MS = 10_000;
/** Entries in the list at most. */
const MAX_LISTED = 50;

/**
 * Marks the folder as trusted in the runtime, which otherwise reads no `.mcp.json` there, whatever the session asks
 * for. The runtime remembers this, but each session still decides what it loads.
 */
export async function trustFolder(runtime: Runtime, cwd: string, copilotSessionId: string): Promise<void> {
  // Only a session can set this, and it must be set before the real session opens; so a temporary session does it.
  const sessionId = `${copilotSessionId}-trust`;
  const session = await runtime.request(
    runtime.client.createSession({
      sessionId,
      workingDirectory: cwd,
      enableConfigDiscovery: false,
      enableFileHooks: false,
    }),
  );
  await runtime.request(session.rpc.permissions.folderTrust.addTrusted({ path: cwd }));
  await runtime.disconnect(session);
  await runtime.request(runtime.client.deleteSession(sessionId));
}

/** What the session has loaded from the repository at `cwd`, one line each. The names come from the repository. */
export async function listLoaded(runtime: Runtime, session: CopilotSession, cwd: string): Promise<string[]> {
  const { rpc } = session;
  await waitForExtensions(runtime, session, cwd);
  const [mcp, extensions, hooks, skills, agents] = await runtime.request(
    Promise.all([
      rpc.mcp.list(),
      rpc.extensions.list(),
      runtime.client.rpc.hooks.discover({ projectPaths: [cwd], excludeHostHooks: true }),
      rpc.skills.list(),
      rpc.agent.list(),
    ]),
  );
  const lines = [
    ...mcp.servers
      .filter(({ source }) => source === 'workspace')
      .map(({ name, status }) => `MCP server ${name} (${status})`),
    ...extensions.extensions
      .filter(({ source }) => source === 'project')
      .map(({ name, status }) => `extension ${name} (${status})`),
    ...hooks.hooks
      .filter(({ origin, enabled }) => origin === 'repository' && enabled)
      .map(({ hookType, source }) => `hook ${hookType} of ${source ?? 'the repository'}`),
    ...skills.skills.filter(({ source }) => source === 'project').map(({ name }) => `skill ${name}`),
    ...agents.agents.filter(({ source }) => source === 'project').map(({ name }) => `agent ${name}`),
  ];
  const shown = lines.slice(0, MAX_LISTED).map((line) => oneLine(line, 200));
  return lines.length > MAX_LISTED ? [...shown, `and ${lines.length - MAX_LISTED} more`] : shown;
}

/**
 * Extensions start asynchronously after the session is open. Waits for them, so that their tools exist when the model
 * is asked.
 */
async function waitForExtensions(runtime: Runtime, { rpc }: CopilotSession, cwd: string): Promise<void> {
  if (!existsSync(join(cwd, '.github/extensions'))) return;
  const deadline = Date.now() + MAX_START_MS;
  while (Date.now() < deadline) {
    const { extensions } = await runtime.request(rpc.extensions.list());
    if (extensions.length > 0 && extensions.every(({ status }) => status !== 'starting')) return;
    await delay(50);
  }
}

const path = (copilotHome: string, copilotSessionId: string): string =>
  join(copilotHome, 'session-state', copilotSessionId, 'loaded.json');

/** Stores the list in the session's folder, because the worker may die before it has reported the list. */
export function storeLoaded(copilotHome: string, copilotSessionId: string, loaded: readonly string[]): void {
  ensurePrivateDir(dirname(path(copilotHome, copilotSessionId)));
  writePrivateFile(path(copilotHome, copilotSessionId), JSON.stringify(loaded));
}

/** The list stored last; empty if there is none. */
export function readLoaded(copilotHome: string, copilotSessionId: string): string[] {
  const text = readIfThere(path(copilotHome, copilotSessionId));
  return text === undefined ? [] : z.array(z.string()).parse(JSON.parse(text));
}
