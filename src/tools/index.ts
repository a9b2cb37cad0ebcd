/** The tools for main agents, shared by every interface that offers them to a model. */
import { sessionsChain } from './chain.ts';
import { sessionsSpawn } from './spawn.ts';
import { subagentsTool } from './subagents.ts';
import type { Tool } from './tool.ts';

export { callTool } from './call.ts';
export { LazyConnection } from './connection.ts';
export { toolFailure } from './failure.ts';
export { AnnouncementInbox, announcementKey } from './inbox.ts';
export { MAX_TOOL_ANSWER_BYTES, newsWithin, type News } from './news.ts';
export { newsView as newsSchema } from './view.ts';
export { announcementsResult } from './actions/announced.ts';
export { transcriptText } from './actions/logs.ts';
export { shownText } from './actions/show.ts';
export type { AdoptedSession, Tool, ToolContext, ToolResult } from './tool.ts';

/** All tools. */
export const TOOLS: readonly Tool[] = [sessionsSpawn, sessionsChain, subagentsTool];
