/** What a tool for main agents is, whichever face offers it: an MCP server, an extension of Copilot CLI. */
import type { z } from 'zod';
import type { Announcement, ErrorCode } from '../contract/index.ts';
import type { Subagents } from '../client/index.ts';
import type { Lacking } from '../copilot/runtime/lacking.ts';
import type { AnnouncementInbox } from './inbox.ts';

/** What a client may know before it calls (https://modelcontextprotocol.io/specification, tool annotations). */
interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  /** It may end or undo something. */
  readonly destructiveHint: boolean;
  /** Calling it twice is as good as once. */
  readonly idempotentHint: boolean;
  /** It reaches beyond a closed set of things, here: a shell and a network. */
  readonly openWorldHint: boolean;
}

/** What a face gives to each call. */
export interface ToolContext {
  /** The main agent's session: where spawns go, and where bare labels are looked for. */
  readonly session: string;
  /** What the session is to be called where people see it; default: its name. */
  readonly title?: string;
  /** Where the main agent stands: repository of spawns that name none. */
  readonly cwd: string;
  /** The connection, opened when it is first needed. @throws SubagentsError TEMPORAL_UNREACHABLE, BAD_INPUT */
  connect(): Promise<Subagents>;
  /** The connection, where one was opened. */
  readonly current: Promise<Subagents> | undefined;
  /** What was told to this main agent and what was not. */
  readonly inbox: AnnouncementInbox;
  /** How completions come to the main agent through this face, as a sentence to it. */
  readonly arrival: string;
  /** Runs `subagents up` in the background. @returns what runs, in words */
  start(onProgress: (message: string) => void): Promise<string>;
  /** What a worker would lack that `start` starts. */
  lacking(): Promise<Lacking>;
  /** What a human types for the same in a terminal. */
  readonly upCommand: string;
  /** Takes over the sessions of this repository whose conversation is gone; absent where a session has no conversation of its own. */
  adopt?(): Promise<readonly Adopted[]>;
  /** Aborted when the caller gives the call up. */
  readonly signal: AbortSignal;
  /** Told in words what is going on, while a call takes long. */
  readonly progress: (message: string) => void;
}

/** A session that a conversation has taken over. */
export interface Adopted {
  readonly session: string;
  /** Announcements that nobody has acknowledged. */
  readonly waiting: number;
  /** Live subagents. */
  readonly live: number;
}

/** What a tool answers: the same as text for a model and as data for a program. */
export interface ToolResult<Structured = Readonly<Record<string, unknown>>> {
  readonly text: string;
  readonly structured: Structured;
  /** Announcements that are part of this answer; nobody need tell them beside it. */
  readonly announced?: readonly Announcement[];
}

/** Why a call came to nothing. */
export interface ToolFailure {
  readonly text: string;
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly remedy?: string | undefined;
  };
}

/** A tool as its author writes it. `Input` is checked before the handler sees it, and given to it as it was written. */
export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly annotations: ToolAnnotations;
  readonly handle: (context: ToolContext, input: z.input<Input>) => Promise<ToolResult<z.input<Output>>>;
}

/** A tool with its types kept. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: Tool<Input, Output>,
): Tool<Input, Output> {
  return tool;
}
