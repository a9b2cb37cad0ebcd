/** A git that stops at chosen calls: how a test gets into the middle of something. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { vi } from 'vitest';
import { PATIENCE_MS } from './eventually.ts';

/** A call to stop at: before or after the real git has done it. */
export interface Stop {
  /** Part of the folder it runs in or of its arguments, to tell callers apart. */
  readonly of: string;
  readonly when: 'before' | 'after';
  /** Part of its arguments. */
  readonly call: string;
  /** It goes on when this file is there; without one, never. */
  readonly until?: string;
}

export interface GitShim {
  /** For the environment of whoever is to be stopped. */
  readonly env: Readonly<Record<string, string>>;
  /** Waits until all stops were reached. */
  reached(): Promise<void>;
}

/** Puts a `git` into `folder` that hangs at each of `stops`, and is the real one otherwise. */
export async function gitThatHangs(folder: string, stops: readonly Stop[]): Promise<GitShim> {
  const real = (await execa('sh', ['-c', 'command -v git'])).stdout;
  const call = `'${real}' "$@"`;
  const mark = (number: number): string => join(folder, `reached-${number}`);
  const cases = stops.map(({ of, when, call: words, until }, number) => {
    const wait = until === undefined ? 'exec sleep 600' : `until [ -e '${until}' ]; do sleep 0.2; done`;
    const hang = `echo > '${mark(number)}'; ${wait}`;
    const steps = when === 'before' ? hang : `${call}; code=$?; ${hang}; exit $code`;
    return `case "$PWD $*" in *'${of}'*) case "$*" in *'${words}'*) ${steps};; esac;; esac`;
  });
  await writeFile(join(folder, 'git'), ['#!/bin/sh', ...cases, `exec ${call}`, ''].join('\n'));
  await chmod(join(folder, 'git'), 0o755);
  return {
    env: { PATH: `${folder}:${process.env['PATH']}` },
    reached: async () => void (await Promise.all(stops.map((_, number) => appeared(mark(number))))),
  };
}

/** Waits until the file is there. */
export async function appeared(path: string): Promise<void> {
  await vi.waitFor(() => readFile(path), { timeout: PATIENCE_MS, interval: 10 });
}
