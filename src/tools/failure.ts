/** Converts errors for main agents. */
import type { z } from 'zod';
import { sanitize, sanitizedLine, SETTINGS_FILE, SubagentsError, type ErrorCode } from '../contract/index.ts';
import { errorText, orStart } from '../prompts/index.ts';
import { systemFailure } from '../system/files.ts';
import { fenced } from './fence.ts';
import type { Tool, ToolFailure } from './tool.ts';

const MAX_MESSAGE_CHARS = 600;
const MAX_REMEDY_CHARS = 1_200;

/**
 * Errors whose message may quote a subagent, a program or a repository. (Messages about a repository's settings may,
 * too.)
 */
const QUOTING: ReadonlySet<ErrorCode> = new Set([
  'ALREADY_ANSWERED',
  'ALREADY_DECIDED',
  'ALREADY_ENDED',
  'WHICH_QUESTION',
  'WHICH_APPROVAL',
  'LOST',
  'INTERNAL',
  'GIT',
  'SIGNING',
  'LOCAL_FILTER',
]);

/** The message of an error for text and data: sanitized, and fenced if it may contain a quote. */
export function safeMessage(code: string, message: string): string {
  return QUOTING.has(code as ErrorCode) || message.includes(SETTINGS_FILE)
    ? fenced('message', 'the error, which may quote a subagent or a repository', message, MAX_MESSAGE_CHARS)
    : sanitizedLine(message, MAX_MESSAGE_CHARS);
}

/** Converts anything that was thrown into the answer of a tool. */
export function toolFailure(error: unknown): ToolFailure {
  const thrown = systemFailure(error) ?? error;
  const code = thrown instanceof SubagentsError ? thrown.code : 'INTERNAL';
  const raw = thrown instanceof Error ? thrown.message : String(thrown);
  const message = safeMessage(code, raw === '' ? 'an unknown error without a message' : raw);
  const remedy = remedyOf(thrown);
  const failure = { code, message, ...(remedy !== undefined && { remedy }) };
  return { text: errorText(failure), error: failure };
}

/** The error for illegal arguments of a call. Its remedy describes the field. */
export function badInput(tool: Tool, error: z.ZodError): SubagentsError {
  const [issue] = error.issues;
  const path = (issue?.path ?? []).map(String).join('.');
  const field = String(issue?.path[0] ?? '');
  const schema = tool.input.shape[field] as z.ZodType | undefined;
  const remedy =
    schema?.description === undefined
      ? `${tool.name} takes: ${Object.keys(tool.input.shape).join(', ')}`
      : `${field}: ${schema.description}`;
  return new SubagentsError(
    'BAD_INPUT',
    `${path === '' ? `the arguments of ${tool.name}` : path}: ${issue?.message ?? 'illegal'}`,
    { remedy },
  );
}

function remedyOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof SubagentsError) || thrown.remedy === undefined) return undefined;
  const remedy = sanitize(thrown.remedy).slice(0, MAX_REMEDY_CHARS);
  return NOTHING_RUNS.has(thrown.code) ? orStart(remedy) : remedy;
}

/** Errors that `up` on this machine may remedy. */
const NOTHING_RUNS: ReadonlySet<ErrorCode> = new Set(['TEMPORAL_UNREACHABLE', 'NO_WORKER']);
