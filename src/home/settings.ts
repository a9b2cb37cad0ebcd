/** Reads a worker's settings from its environment. */
import { availableParallelism, totalmem } from 'node:os';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { validate } from '../contract/check.ts';
import { parseDuration } from '../contract/text/quantities.ts';
import { SubagentsError } from '../contract/errors.ts';
import { SETTINGS, type SettingName } from '../contract/settings.ts';
import type { SandboxBounds } from '../contract/spawn/bounds.ts';
import { network } from '../contract/spawn/network.ts';
import type { Policy } from '../contract/policies/policy.ts';
import { readPolicy } from '../policy/source.ts';
import type { Env } from '../system/home-root.ts';
import { PASSED_SECRETS_VARIABLE } from '../environment/clean.ts';

/** The settings of a worker. */
export interface Settings {
  /** Maximum number of concurrent turns (`SUBAGENTS_SLOTS`). */
  readonly slots: number;
  /** Models that a spawn may name (`SUBAGENTS_MODELS`, separated by commas); undefined allows any. */
  readonly models: readonly string[] | undefined;
  /** The model of spawns that name none (`SUBAGENTS_MODEL`); undefined leaves the choice to Copilot. */
  readonly model: string | undefined;
  /**
   * Folders that must contain the repositories (`SUBAGENTS_REPOS`, separated by colons), and prefixes of URLs;
   * undefined allows any.
   */
  readonly repos: readonly string[] | undefined;
  /** The Copilot CLI to run (`SUBAGENTS_COPILOT_PATH`); undefined: the one that this package depends on. */
  readonly copilotPath: string | undefined;
  /** The policy of all its subagents (`SUBAGENTS_POLICY`); undefined: none. */
  readonly policy: Policy | undefined;
  /** Whether spawns get a sandbox (`SUBAGENTS_SANDBOX`). */
  readonly sandbox: 'off' | 'on' | 'required';
  /** The most that a sandbox may reach (`SUBAGENTS_SANDBOX_NETWORK`). */
  readonly sandboxNetwork: string;
  /** Folders that sandboxed subagents may read beside their own (`SUBAGENTS_SANDBOX_READ`, separated by colons). */
  readonly sandboxRead: readonly string[];
  /** Which package caches sandboxes have (`SUBAGENTS_SANDBOX_CACHES`). */
  readonly sandboxCaches: 'off' | 'own';
  /**
   * What all programs of one sandbox may take together (`SUBAGENTS_SANDBOX_MEMORY`, `SUBAGENTS_SANDBOX_PROCESSES`,
   * `SUBAGENTS_SANDBOX_DISK`).
   */
  readonly sandboxBounds: SandboxBounds;
  /**
   * Milliseconds after which the remains of finished subagents are removed (`SUBAGENTS_KEEP`); Infinity keeps them.
   */
  readonly keepMs: number;
  /** Maximum disk space for the remains of finished subagents, in bytes (`SUBAGENTS_KEEP_DISK`). */
  readonly keepBytes: number;
  /** Free bytes below which no new work is accepted and turns pause (`SUBAGENTS_RESERVE`). */
  readonly reserveBytes: number;
  /** Maximum size of one subagent's folder, in bytes (`SUBAGENTS_MAX_FOLDER`); Infinity: no limit. */
  readonly maxFolderBytes: number;
}

const UNITS: Readonly<Record<string, number>> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

const MIN_SLOTS = 2;
const MAX_SLOTS = 32;
const MAX_SIZE_SETTING = 1_000;
/** Turns per core: a subagent mostly waits for its model. */
const TURNS_PER_CORE = 2;
/**
 * Memory per turn in GiB. A turn's share of the Copilot runtime is 5 MB (775 MB with 100 sessions that run a tool,
 * 259 MB with one); nearly all of the rest is for the programs it starts: compilers, test runs, servers.
 */
const GIB_PER_TURN = 0.5;

/** Returns the default number of slots for a machine with `cores` and `memoryGib`: between 2 and 32. */
export function defaultSlots(cores: number, memoryGib: number): number {
  const slots = Math.floor(Math.min(cores * TURNS_PER_CORE, memoryGib / GIB_PER_TURN));
  return Math.min(MAX_SLOTS, Math.max(MIN_SLOTS, slots));
}

/** The share of the machine's memory that one sandbox may take, and the least, in bytes. */
const SANDBOX_MEMORY_SHARE = 0.25;
const LEAST_SANDBOX_MEMORY = 1e9;
/** Processes and threads of one sandbox: a test runner has a process per core, each with a dozen threads. */
const SANDBOX_PROCESSES = 1_000;
const SANDBOX_PROCESSES_PER_CORE = 250;
const MIN_SANDBOX_PROCESSES = 100;

/** Returns the default bound of a sandbox's memory, in bytes, on a machine with `memory` bytes. */
const defaultSandboxMemory = (memory: number): number =>
  Math.max(LEAST_SANDBOX_MEMORY, Math.round(memory * SANDBOX_MEMORY_SHARE));

/** Returns the default bound of a sandbox's processes and threads on a machine with `cores`. */
const defaultSandboxProcesses = (cores: number): number =>
  Math.max(SANDBOX_PROCESSES, cores * SANDBOX_PROCESSES_PER_CORE);

/** What a sandbox may take where the worker has no setting for it. */
export const defaultBounds = (): SandboxBounds => readSettings({}).sandboxBounds;

const text = z
  .string()
  .optional()
  .transform((value) => value?.trim() || undefined);
const age = text.transform((value = SETTINGS.SUBAGENTS_KEEP.default, context) => {
  if (value === 'forever') return Infinity;
  const millis = parseDuration(value);
  if (millis !== undefined && millis >= 0) return millis;
  context.addIssue({ code: 'custom', message: 'write it like 12h or 14d, or write forever' });
  return z.NEVER;
});
/** Whether the value is a number other than zero without a unit. */
const lacksUnit = (value: string): boolean => Number.isFinite(Number(value)) && Number(value) !== 0;
const sizeText = z.string().transform((value, context) => {
  const [, number, unit = 'B'] = /^(\d+(?:\.\d+)?) ?([KMGT]?B)?$/i.exec(value) ?? [];
  if (number !== undefined && !lacksUnit(value)) return Number(number) * (UNITS[unit.toUpperCase()] ?? 1);
  context.addIssue({ code: 'custom', message: 'write it like 500MB or 20GB' });
  return z.NEVER;
});
const variables = text.refine(
  (value = '') => value.split(',').every((name) => /^\s*\w*\s*$/.test(name)),
  'names of variables of the worker, separated by commas, without their values',
);
/** A schema for sizes. @param standard the default */
const sizeOr = (standard: string) => text.transform((value = standard) => value).pipe(sizeText);
const settings = z
  .object({
    SUBAGENTS_SLOTS: text.pipe(z.coerce.number<string>().int().min(1).max(MAX_SIZE_SETTING).optional()),
    SUBAGENTS_MODELS: text.transform((value) => {
      const names = value
        ?.split(',')
        .map((name) => name.trim())
        .filter(Boolean);
      return names?.length ? names : undefined;
    }),
    SUBAGENTS_MODEL: text,
    SUBAGENTS_REPOS: text.transform(rootsIn),
    SUBAGENTS_COPILOT_PATH: text,
    [PASSED_SECRETS_VARIABLE]: variables,
    SUBAGENTS_POLICY: text.transform((value, context) => {
      try {
        return value === undefined ? undefined : readPolicy(value);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message });
        return z.NEVER;
      }
    }),
    SUBAGENTS_SANDBOX: text.pipe(
      z
        .enum(['off', 'on', 'required'], { error: 'write off, on or required' })
        .default(SETTINGS.SUBAGENTS_SANDBOX.default),
    ),
    SUBAGENTS_SANDBOX_NETWORK: text.pipe(network.default(SETTINGS.SUBAGENTS_SANDBOX_NETWORK.default)),
    SUBAGENTS_SANDBOX_READ: text
      .transform((value) => (value ?? '').split(':').filter(Boolean))
      .refine((paths) => paths.every(isAbsolute), 'name folders by their whole path, separated by colons'),
    SUBAGENTS_SANDBOX_CACHES: text.pipe(
      z
        .enum(['off', 'own'], { error: 'write off or own' })
        .default(SETTINGS.SUBAGENTS_SANDBOX_CACHES.default),
    ),
    SUBAGENTS_SANDBOX_MEMORY: text.pipe(sizeText.optional()),
    SUBAGENTS_SANDBOX_PROCESSES: text.pipe(
      z.coerce.number<string>().int().min(MIN_SANDBOX_PROCESSES).optional(),
    ),
    SUBAGENTS_SANDBOX_DISK: sizeOr(SETTINGS.SUBAGENTS_SANDBOX_DISK.default),
    SUBAGENTS_KEEP: age,
    SUBAGENTS_KEEP_DISK: sizeOr(SETTINGS.SUBAGENTS_KEEP_DISK.default),
    SUBAGENTS_RESERVE: sizeOr(SETTINGS.SUBAGENTS_RESERVE.default),
    SUBAGENTS_MAX_FOLDER: text.pipe(sizeText.optional()),
  } satisfies Partial<Record<SettingName, z.ZodType>>)
  .refine(
    ({ SUBAGENTS_MODEL: model, SUBAGENTS_MODELS: models }) => !model || !models || models.includes(model),
    { path: ['SUBAGENTS_MODEL'], error: 'it is not among SUBAGENTS_MODELS' },
  );

/** Splits at colons, as in PATH, except those of URLs. */
function rootsIn(text: string | undefined): string[] | undefined {
  const roots = text?.split(/:(?!\/\/)/).filter((root) => root !== '');
  return roots?.length ? roots : undefined;
}

/** Parses the settings. @throws SubagentsError BAD_INPUT, naming the variable */
export function readSettings(env: Env = process.env): Settings {
  const parsed = validate(settings, env);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: '' };
    const name = path.join('.');
    throw new SubagentsError('BAD_INPUT', `${name}=${env[name] ?? ''}: ${message}`, {
      remedy: `correct ${name} in the worker's environment, or unset it`,
    });
  }
  const { SUBAGENTS_SLOTS, SUBAGENTS_MODELS, SUBAGENTS_MODEL, SUBAGENTS_COPILOT_PATH } = parsed.data;
  const { SUBAGENTS_KEEP, SUBAGENTS_KEEP_DISK, SUBAGENTS_RESERVE, SUBAGENTS_MAX_FOLDER } = parsed.data;
  return {
    slots: SUBAGENTS_SLOTS ?? defaultSlots(availableParallelism(), memoryBytes() / 2 ** 30),
    models: SUBAGENTS_MODELS,
    model: SUBAGENTS_MODEL,
    repos: parsed.data.SUBAGENTS_REPOS,
    copilotPath: SUBAGENTS_COPILOT_PATH,
    policy: parsed.data.SUBAGENTS_POLICY,
    sandbox: parsed.data.SUBAGENTS_SANDBOX,
    sandboxNetwork: parsed.data.SUBAGENTS_SANDBOX_NETWORK,
    sandboxRead: parsed.data.SUBAGENTS_SANDBOX_READ,
    sandboxCaches: parsed.data.SUBAGENTS_SANDBOX_CACHES,
    sandboxBounds: {
      memory: parsed.data.SUBAGENTS_SANDBOX_MEMORY ?? defaultSandboxMemory(memoryBytes()),
      processes: parsed.data.SUBAGENTS_SANDBOX_PROCESSES ?? defaultSandboxProcesses(availableParallelism()),
      disk: parsed.data.SUBAGENTS_SANDBOX_DISK,
    },
    keepMs: SUBAGENTS_KEEP,
    keepBytes: SUBAGENTS_KEEP_DISK,
    reserveBytes: SUBAGENTS_RESERVE,
    maxFolderBytes: SUBAGENTS_MAX_FOLDER ?? Infinity,
  };
}

/** Returns the memory of this machine or, in a container, its limit. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}
