/**
 * Results of tool calls, kept from before the model is shown them until Copilot's event log has them, and some longer. A model that was
 * killed in between goes on from the log, in which such a call counts as interrupted: it is told the result then. (What
 * Copilot itself writes of a result before that, as the input of a hook, it leaves out beyond some 150 bytes.)
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
/** Of the id of a call, which the model's provider gives, in a file name. */
const MAX_NAME_CHARS = 200;

const record = z.object({ toolCallId: z.string(), result: z.string().nullable() });

/** By the id of their call; null: it ended, and its result is not known. */
export type EndedCalls = ReadonlyMap<string, string | null>;

export class UnsavedToolResults {
  readonly #folder: string;
  readonly #redactor: Redactor;

  constructor(copilotHome: string, copilotSessionId: string, redactor: Redactor) {
    this.#folder = sessionFiles(copilotHome, copilotSessionId).results;
    this.#redactor = redactor;
  }

  /** What is kept; of what cannot be read, nothing. */
  read(): EndedCalls {
    const kept = new Map<string, string | null>();
    for (const name of this.#names()) {
      const parsed = record.safeParse(parse(readIfThere(join(this.#folder, name)))).data;
      if (parsed !== undefined) kept.set(parsed.toolCallId, parsed.result);
    }
    return kept;
  }

  /** Keeps the result of a call, without its secrets; null: that it ended. @throws SubagentsError DISK_FULL, INTERNAL */
  keep(toolCallId: string, result: string | null): void {
    const path = this.#pathOf(toolCallId);
    if (path === undefined) return;
    ensurePrivateDir(this.#folder);
    const kept = result === null ? null : head(this.#redactor.text(result), MAX_RESULT_CHARS);
    writePrivateFile(path, JSON.stringify({ toolCallId, result: kept } satisfies z.infer<typeof record>));
  }

  /** These need not be kept any more. */
  drop(toolCallIds: Iterable<string>): void {
    for (const id of toolCallIds) {
      const path = this.#pathOf(id);
      if (path !== undefined) rmSync(path, { force: true });
    }
  }

  /** Nothing need be kept any more. */
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
