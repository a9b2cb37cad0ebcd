/** A tool's answer as MCP has it, with what is new since the last call. */
import type { CallToolResult, RequestId } from '@modelcontextprotocol/server';
import { byteLength, plural, type Announcement } from '../contract/index.ts';
import {
  callTool,
  keyOf,
  MAX_TOLD_BYTES,
  newsWithin,
  type News,
  type Tool,
  type ToolContext,
  type ToolResult,
} from '../tools/index.ts';

/** What the answers since the last call had, by their requests: a cancellation may cross an answer on its way. */
export type Sent = Map<RequestId, readonly Announcement[]>;

/** Calls the tool; what was told before counts as received, for the client has come again. */
export async function answerCall(
  tool: Tool,
  context: ToolContext,
  input: unknown,
  { id, sent }: { readonly id: RequestId; readonly sent: Sent },
): Promise<CallToolResult> {
  const { inbox } = context;
  sent.clear();
  const received = context.current?.then((subagents) => inbox.acknowledge(subagents));
  received?.catch(() => undefined);
  const result = await callTool(tool, context, input);
  const announced = 'announced' in result ? (result.announced ?? []) : [];
  const has = new Set(announced.map(keyOf));
  const waiting = (await unread(context)).filter((each) => !has.has(keyOf(each)));
  // A call that was given up gets no answer, so nothing was told.
  context.signal.throwIfAborted();
  const news = newsWithin(waiting, MAX_TOLD_BYTES - byteLength(result.text));
  const riding = news?.announcements ?? [];
  const told = [...announced, ...riding];
  inbox.tell(told);
  sent.set(id, told);
  return compose(result, news, waiting.length - riding.length);
}

/** What no answer had yet; nothing where nobody can be asked. */
async function unread(context: ToolContext): Promise<Announcement[]> {
  try {
    const subagents = await context.current;
    return subagents === undefined ? [] : await context.inbox.unread(subagents);
  } catch {
    return [];
  }
}

function compose(
  result: Awaited<ReturnType<typeof callTool>>,
  news: News | undefined,
  more: number,
): CallToolResult {
  const content: CallToolResult['content'] = [{ type: 'text', text: result.text }];
  if (news !== undefined) content.push({ type: 'text', text: `New since your last call:\n${news.text}` });
  if (more > 0)
    content.push({ type: 'text', text: `${plural(more, 'more announcement')} with the next call.` });
  if (!isResult(result)) return { content, isError: true };
  return { content, structuredContent: { ...result.structured, ...(news && { news: news.view }) } };
}

const isResult = (result: Awaited<ReturnType<typeof callTool>>): result is ToolResult => !('error' in result);
