/** Types of tools for main agents. An MCP server and an extension of Copilot CLI offer these tools. */
import type { z } from 'zod';
import type { Announcement, DeepReadonly, ErrorReport } from '../contract/index.ts';
import type { Subagents } from '../client/index.ts';
import type { MissingAccess } from '../copilot/runtime/missing-access.ts';
import type { AnnouncementInbox } from './inbox.ts';

/** Hints for clients about a tool (https://modelcontextprotocol.io/specification, tool annotations). */
interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  /** The tool may end or undo something. */
  readonly destructiveHint: boolean;
  /** A second call with the same arguments has no further effect. */
  readonly idempotentHint: boolean;
  /** The tool interacts with an open world: here, a shell and a network. */
  readonly openWorldHint: boolean;
}

/** What the MCP server or the extension provides for each call. */
export interface ToolContext {
  /** The main agent's session, for spawns and for the lookup of bare labels. */
  readonly session: string;
  /** The title of the session for people; default: its name. */
  readonly title?: string;
  /** The main agent's folder: the repository of spawns that name none. */
  readonly cwd: string;
  /** The connection, opened when first needed. @throws SubagentsError TEMPORAL_UNREACHABLE, BAD_INPUT */
  connect(): Promise<Subagents>;
  /** The connection, if one is open. */
  readonly current: Promise<Subagents> | undefined;
  /** Records which announcements this main agent has received. */
  readonly inbox: AnnouncementInbox;
  /** A sentence to the main agent about how completions reach it. */
  readonly arrival: string;
  /** Runs `subagents up` in the background. @returns a description of what runs */
  start(onProgress: (message: string) => void): Promise<string>;
  /** What a worker that `start` starts would lack. */
  missingAccess(): Promise<MissingAccess>;
  /** The command with which a human does the same in a terminal. */
  readonly upCommand: string;
  /**
   * Takes over sessions of this repository whose conversation is gone. Absent if sessions do not depend on a
   * conversation.
   */
  adopt?(): Promise<readonly AdoptedSession[]>;
  /**
   * Asks the human to choose one of `options`.
   * @returns the option; null if the human chose none; undefined if there is no way to ask a human here
   */
  askHuman(question: string, options: readonly string[]): Promise<string | null | undefined>;
  /** Aborted when the caller cancels the call. */
  readonly signal: AbortSignal;
  /** Reports progress to people during a long call. */
  readonly progress: (message: string) => void;
}

/** A session that a conversation has taken over. */
export interface AdoptedSession {
  readonly session: string;
  /** Number of unacknowledged announcements. */
  readonly waiting: number;
  /** Number of live subagents. */
  readonly live: number;
}

/** The answer of a tool: the same content as text for a model and as data for a program. */
export interface ToolResult<Structured = Readonly<Record<string, unknown>>> {
  readonly text: string;
  readonly structured: Structured;
  /** Announcements that this answer contains, so that they need not be delivered again. */
  readonly announced?: readonly Announcement[];
}

/** The answer of a failed call. */
export interface ToolFailure {
  readonly text: string;
  readonly error: ErrorReport;
}

/** The definition of a tool. The input is checked against `input`, but the handler receives it unparsed. */
export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly annotations: ToolAnnotations;
  readonly handle: (
    context: ToolContext,
    input: z.input<Input>,
  ) => Promise<ToolResult<DeepReadonly<z.input<Output>>>>;
}

/** Defines a tool with inferred types. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: Tool<Input, Output>,
): Tool<Input, Output> {
  return tool;
}
