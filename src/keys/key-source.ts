/** Where the key ring is kept: a file, an environment variable, or what a command prints (a secrets manager's). */
import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import type { SettingName } from '../contract/settings.ts';
import { readIfThere } from '../system/files.ts';
import type { Env } from '../system/home-root.ts';
import { parseRing, type KeyRing } from './key-ring.ts';

/** The setting that names the source. */
export const KEYS_VARIABLE = 'SUBAGENTS_KEYS' satisfies SettingName;

/** A place that a ring is read from. */
export type KeySource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env'; readonly name: string; readonly env: Env }
  | { readonly kind: 'command'; readonly line: string; readonly env: Env };

/** How long a command of a secrets manager may take, in milliseconds. */
const COMMAND_TIMEOUT_MS = 20_000;

/** The key ring of a home. */
export const homeRingPath = (root: string): string => join(root, 'keys.json');

/** Whether `SUBAGENTS_KEYS` names a source, or none at all. */
export const isSourceNamed = (env: Env): boolean => Boolean(env[KEYS_VARIABLE]?.trim());

/**
 * The source that `SUBAGENTS_KEYS` names; without it, the ring of the home where there is one.
 * @param server `own` for the server that runs in the home; the ring of the home is for no other
 * @returns undefined where nothing is encrypted
 * @throws SubagentsError BAD_INPUT
 */
export function keySourceOf(root: string, env: Env, server: 'own' | 'other'): KeySource | undefined {
  const path = homeRingPath(root);
  const value = env[KEYS_VARIABLE]?.trim();
  if (!value) return server === 'own' && readIfThere(path) !== undefined ? { kind: 'file', path } : undefined;
  if (value === 'off') return undefined;
  if (value === 'home') return { kind: 'file', path };
  const [, kind, rest = ''] = /^(file|env|command):(.+)$/s.exec(value) ?? [];
  if (kind === 'file') return { kind, path: resolve(rest.replace(/^~(?=\/)/, homedir())) };
  if (kind === 'env') return { kind, name: rest, env };
  if (kind === 'command') return { kind, line: rest, env };
  throw new SubagentsError('BAD_INPUT', `${KEYS_VARIABLE}=${value.slice(0, 40)}: it names no key ring`, {
    remedy: 'use home, off, file:<path>, env:<variable> or command:<command that prints the ring>',
  });
}

/** The source for people. A command may have a secret among its arguments: only its first word is named. */
export function sourceName(source: KeySource): string {
  switch (source.kind) {
    case 'file':
      return source.path;
    case 'env':
      return `the variable ${source.name}`;
    case 'command':
      return `the command ${source.line.trim().split(/\s/, 1)[0] ?? ''}`;
  }
}

/**
 * Reads the ring.
 * @throws SubagentsError KEYS_UNREADABLE: it is not there, others may read it, the command failed, it is no ring
 */
export async function readRing(source: KeySource): Promise<KeyRing> {
  const parsed = parseRing(await textOf(source));
  if ('ring' in parsed) return parsed.ring;
  throw unreadable(source, `it holds no key ring (${parsed.problem})`, {
    remedy: 'put back a ring that `subagents keys backup` printed',
  });
}

async function textOf(source: KeySource): Promise<string> {
  if (source.kind === 'file') return privateFile(source);
  if (source.kind === 'command') return await outputOf(source);
  const text = source.env[source.name];
  if (text) return text;
  throw unreadable(source, 'it is not set', {
    remedy: `set ${source.name} to the text of a key ring (\`subagents keys backup\` prints one)`,
  });
}

function privateFile(source: Extract<KeySource, { kind: 'file' }>): string {
  const { path } = source;
  const text = readIfThere(path);
  if (text === undefined)
    throw unreadable(source, 'there is no such file', {
      remedy: 'put it back from a backup, or make a new one: `subagents keys init`',
    });
  if ((statSync(path).mode & 0o077) !== 0)
    throw unreadable(source, 'others may read or write it', { remedy: `chmod 600 '${path}'` });
  return text;
}

async function outputOf(source: Extract<KeySource, { kind: 'command' }>): Promise<string> {
  const { execa } = await import('execa');
  const { exitCode, stdout, timedOut, stderr } = await execa('sh', ['-c', source.line], {
    env: source.env as Record<string, string>,
    extendEnv: false,
    stdin: 'ignore',
    timeout: COMMAND_TIMEOUT_MS,
    reject: false,
  });
  if (exitCode === 0) return stdout;
  const how = timedOut
    ? `it took longer than ${COMMAND_TIMEOUT_MS / 1_000} s`
    : `exit code ${exitCode ?? '?'}`;
  const said = stderr.trim().split('\n').at(-1)?.slice(0, 200);
  throw unreadable(source, said ? `${how}: ${said}` : how, {
    remedy: `run it by hand: it must print the ring and exit with 0 (${KEYS_VARIABLE})`,
  });
}

function unreadable(source: KeySource, why: string, options: { readonly remedy: string }): SubagentsError {
  return new SubagentsError(
    'KEYS_UNREADABLE',
    `the keys for messages cannot be read from ${sourceName(source)}: ${why}`,
    options,
  );
}
