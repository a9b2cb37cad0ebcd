/**
 * Results of tool calls, stored before the model sees them and dropped some time after Copilot's event log has them. If
 * the model is killed in between, it resumes from the log, in which the call counts as interrupted; it is then given
 * the stored result. (Copilot itself truncates results to about 150 bytes in the hook input that it logs earlier.)
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { head } from '../../contract/index.ts';
import type { Redactor } from '../../environment/redact.ts';
import { ensurePrivateDir, readIfThere, writePrivateFile } from '../../system/files.ts';
import { sessionFiles } from '../session/session-files.ts';

/** Copilot itself cuts results at 20 KiB. */
const MAX_RESULT_CHARS = 30_000;
/** Characters of a call id in a file name; the id comes from the model's provider. */
const MAX_NAME_CHARS = 200;

const record = z.object({ toolCallId: z.string(), result: z.string().nullable() });

/** Results by call id; null if the call ended and its result is not known. */
export type EndedCalls = ReadonlyMap<string, string | null>;

/** The stored results of one Copilot session, one file for each call. */
export class UnsavedToolResults {
  readonly #folder: string;
  readonly #redactor: Redactor;

  constructor(copilotHome: string, copilotSessionId: string, redactor: Redactor) {
    this.#folder = sessionFiles(copilotHome, copilotSessionId).results;
    this.#redactor = redactor;
  }

  /** The stored results; unreadable ones are skipped. */
  read(): EndedCalls {
    const kept = new Map<string, string | null>();
    for (const name of this.#names()) {
      const parsed = record.safeParse(parse(readIfThere(join(this.#folder, name)))).data;
      if (parsed !== undefined) kept.set(parsed.toolCallId, parsed.result);
    }
    return kept;
  }

  /**
   * Stores the result of a call, redacted; null records only that it ended. @throws SubagentsError DISK_FULL, INTERNAL
   */
  store(toolCallId: string, result: string | null): void {
    const path = this.#pathOf(toolCallId);
    if (path === undefined) return;
    ensurePrivateDir(this.#folder);
    const kept = result === null ? null : head(this.#redactor.text(result), MAX_RESULT_CHARS);
    writePrivateFile(path, JSON.stringify({ toolCallId, result: kept } satisfies z.infer<typeof record>));
  }

  /** Removes the results of these calls. */
  remove(toolCallIds: Iterable<string>): void {
    for (const id of toolCallIds) {
      const path = this.#pathOf(id);
      if (path !== undefined) rmSync(path, { force: true });
    }
  }

  /** Removes all results. */
  clear(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder).filter((name) => name.endsWith('.json') && !name.startsWith('.'));
    } catch {
      return []; // none was ever kept
    }
  }

  #pathOf(toolCallId: string): string | undefined {
    const name = encodeURIComponent(toolCallId);
    return name.length > MAX_NAME_CHARS ? undefined : join(this.#folder, `of-${name}.json`);
  }
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
