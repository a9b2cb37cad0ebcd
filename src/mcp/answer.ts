/** Converts a tool's answer to MCP, with the announcements since the last call. */
import type { CallToolResult, RequestId } from '@modelcontextprotocol/server';
import { byteLength, type Announcement } from '../contract/index.ts';
import { moreNews, newSinceLastCall } from '../prompts/index.ts';
import {
  callTool,
  announcementKey,
  MAX_TOOL_ANSWER_BYTES,
  newsWithin,
  type News,
  type Tool,
  type ToolContext,
  type ToolResult,
} from '../tools/index.ts';

/**
 * Announcements in answers since the last call, by request. Needed because a cancellation may arrive after the answer
 * was sent.
 */
export type Sent = Map<RequestId, readonly Announcement[]>;

/**
 * Calls the tool. Acknowledges the announcements of earlier answers, because a new call shows that these have arrived.
 */
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
  const has = new Set(announced.map(announcementKey));
  const waiting = (await unread(context)).filter((each) => !has.has(announcementKey(each)));
  // A cancelled call gets no answer, so it delivers no announcements.
  context.signal.throwIfAborted();
  const news = newsWithin(waiting, MAX_TOOL_ANSWER_BYTES - byteLength(result.text));
  const added = news?.announcements ?? [];
  const delivered = [...announced, ...added];
  inbox.markDelivered(delivered);
  sent.set(id, delivered);
  return compose(result, news, waiting.length - added.length);
}

/** Announcements that no answer had yet; empty without a connection or an answer of the session. */
async function unread(context: ToolContext): Promise<Announcement[]> {
  try {
    const subagents = await context.current;
    return subagents === undefined ? [] : await context.inbox.undelivered(subagents);
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
  if (news !== undefined) content.push({ type: 'text', text: newSinceLastCall(news.text) });
  if (more > 0) content.push({ type: 'text', text: moreNews(more) });
  if (!isResult(result)) return { content, isError: true };
  return { content, structuredContent: { ...result.structured, ...(news && { news: news.view }) } };
}

const isResult = (result: Awaited<ReturnType<typeof callTool>>): result is ToolResult => !('error' in result);
