/** Starts server and worker from inside Copilot CLI. */
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { z } from 'zod';
import { SubagentsError, ERROR_CODES } from '../contract/index.ts';
import { compiledFile } from '../system/compiled-file.ts';

const MAIN = compiledFile('cli/main.bundle.js');

const ready = z.object({ started: z.boolean(), address: z.string(), uiUrl: z.string() });
const failed = z.object({
  error: z.object({ code: z.enum(ERROR_CODES), message: z.string(), remedy: z.string().optional() }),
});

/**
 * Runs `subagents up --detach` with the Node.js `node`.
 * @returns a description of what runs
 * @throws SubagentsError what `up` failed with
 */
export async function startUp(node: string, onProgress: (message: string) => void): Promise<string> {
  const child = execa(node, [MAIN, 'up', '--detach', '--json'], { stdin: 'ignore', reject: false });
  if (child.stderr) createInterface({ input: child.stderr }).on('line', onProgress);
  const { stdout, stderr, exitCode } = await child;
  const up = exitCode === 0 ? ready.safeParse(json(stdout)).data : undefined;
  if (up !== undefined)
    return `${up.started ? 'started' : 'already running'}: Temporal ${up.address}, Web UI ${up.uiUrl}; \`subagents down\` stops it`;
  const error = failed.safeParse(json(stderr)).data?.error;
  throw new SubagentsError(error?.code ?? 'INTERNAL', error?.message ?? '`subagents up --detach` failed', {
    remedy: error?.remedy ?? 'run it in a terminal to see the error',
  });
}

function json(text: string): unknown {
  try {
    return JSON.parse(text.trim().split('\n').at(-1) ?? '');
  } catch {
    return undefined;
  }
}
