/** The MCP Inspector in its command-line mode as the client: the lines of docs/mcp.md, as they stand. */
import { readFileSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { COMMAND } from '../support/mcp.ts';
import { NO_GIT_CONFIGURATION } from '../support/repository.ts';
import { on } from '../support/turns.ts';

const DOCUMENTATION = new URL('../../docs/mcp.md', import.meta.url);
/** What `npx @modelcontextprotocol/inspector --cli` runs: a package of its own. */
const INSPECTOR = fileURLToPath(new URL('../../node_modules/.bin/mcp-inspector-cli', import.meta.url));
const LINE = /^ {4}npx @modelcontextprotocol\/inspector@0\.16 --cli (.*)$/gm;

let fleet: Fleet;
let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  fleet = await startFleet([on('say done', [{ text: 'Nothing to do.' }])]);
  await mkdir(join(folder.path, 'bin'));
  await symlink(COMMAND, join(folder.path, 'bin', 'subagents'));
});
afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** Runs the Inspector in the fleet's repository. @returns what it printed */
const inspect = async (...args: readonly string[]): Promise<unknown> => {
  const { stdout } = await execa(INSPECTOR, ['--cli', ...args], {
    cwd: fleet.repository.path,
    env: {
      ...NO_GIT_CONFIGURATION,
      PATH: `${join(folder.path, 'bin')}:${process.env['PATH'] ?? ''}`,
      HOME: folder.path,
      SUBAGENTS_HOME: fleet.home,
      TEMPORAL_ADDRESS: fleet.server.address,
    },
  });
  return JSON.parse(stdout);
};

it('lists the tools, calls one, and lists the resources', async () => {
  await inspect(
    ...['subagents', 'mcp', '--method', 'tools/call', '--tool-name', 'sessions_spawn'],
    ...['--tool-arg', 'label=hello', '--tool-arg', 'task=say done'],
  );
  const lines = [...readFileSync(DOCUMENTATION, 'utf8').matchAll(LINE)].map(([, line = '']) => line);
  expect(lines).toHaveLength(3);
  const answers: unknown[] = [];
  for (const line of lines) answers.push(await inspect(...line.split(' ')));
  const [tools, listed, resources] = answers;
  expect(tools).toMatchObject({
    tools: [{ name: 'sessions_spawn' }, { name: 'sessions_chain' }, { name: 'subagents' }],
  });
  expect(listed).toMatchObject({ structuredContent: { subagents: [{ label: 'hello' }] } });
  expect(JSON.stringify(resources)).toContain('/hello@1/transcript');
});
