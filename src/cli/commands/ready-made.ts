import { resolve } from 'node:path';
import { batchChain, raceChain, type Common } from '../../chain/ready-made.ts';
import { SubagentsError } from '../../contract/errors.ts';
import { COMMON_OPTIONS } from '../../contract/spawn/spawn-options.ts';
import type { Context } from '../context.ts';
import { readText } from '../input.ts';
import { fieldsOf } from '../spawn-flags.ts';
import { startAndPrint } from './chain.ts';

/** Flags that ready-made chains have in common, as declared. */
export interface ReadyMadeFlags {
  readonly file?: string | undefined;
  readonly requestId?: string | undefined;
  readonly wait?: boolean | undefined;
}

/** Flags of `batch`, as declared. */
export interface BatchFlags extends ReadyMadeFlags {
  readonly label: string;
  readonly repo?: readonly string[] | undefined;
  readonly model?: string | undefined;
}

/** `subagents batch` */
export async function batchCommand(
  context: Context,
  words: readonly string[],
  flags: BatchFlags,
): Promise<number> {
  const { label, repo: repos = [], model } = flags;
  if (repos.length === 0) {
    throw new SubagentsError('BAD_INPUT', 'a batch needs repositories', {
      remedy: 'name each: subagents batch --repo <path> --repo <path> "<task>"',
    });
  }
  const task = await readText('task', words, flags.file);
  const spec = batchChain(
    { label, task, repos: repos.map(resolvedRepo) },
    { ...commonOf(flags), ...(model !== undefined && { model }) },
  );
  return await startAndPrint(context, spec, {}, flags);
}

/** Resolves `.` and `..`, because a step is named after its folder. */
const resolvedRepo = (repo: string): string => (/^\.{1,2}(\/|$)/.test(repo) ? resolve(repo) : repo);

/** Flags of `race`, as declared. */
export interface RaceFlags extends ReadyMadeFlags {
  readonly repo?: string | undefined;
  readonly model?: readonly string[] | undefined;
  readonly instruction?: readonly string[] | undefined;
}

/** `subagents race` */
export async function raceCommand(
  context: Context,
  label: string,
  words: readonly string[],
  flags: RaceFlags,
): Promise<number> {
  const { model: models = [], instruction: instructions = [], repo } = flags;
  const racers = [
    ...models.map((model) => ({ model })),
    ...instructions.map((each) => ({ instructions: each })),
  ];
  if (racers.length < 2) {
    throw new SubagentsError('BAD_INPUT', 'a race needs at least two subagents', {
      remedy: 'name a model (--model) or an instruction (--instruction) for each',
    });
  }
  const task = await readText('task', words, flags.file);
  const spec = raceChain(
    { label, task, racers },
    { ...commonOf(flags), ...(repo !== undefined && { repo }) },
  );
  return await startAndPrint(context, spec, {}, flags);
}

/** Options for each subagent, unchecked: the library checks them. */
const commonOf = (flags: ReadyMadeFlags): Common => fieldsOf(flags, COMMON_OPTIONS);
