/** Outcomes and transcripts as resources: `subagents://SESSION/LABEL/outcome` and `…/transcript`; a label may be `label@2`. */
import { ResourceTemplate, type McpServer, type Resource } from '@modelcontextprotocol/server';
import { isChain, isFinal, SubagentsError } from '../contract/index.ts';
import type { SubagentHandle, SubagentRow, Subagents } from '../client/index.ts';
import { toolFailure, shownText, transcriptText } from '../tools/index.ts';

/** Maximum length of a transcript, in characters. The newest entries are shown. */
const MAX_TRANSCRIPT_CHARS = 40_000;
const MAX_LISTED = 50;

/** What the resources need. */
export interface ResourceOptions {
  readonly session: string;
  readonly connect: () => Promise<Subagents>;
}

type Kind = 'outcome' | 'transcript';

const KINDS: Readonly<Record<Kind, { readonly title: string; readonly description: string }>> = {
  outcome: {
    title: 'Outcome of a subagent',
    description: 'Its measured evidence, then its fenced report; while it is live, what it does and asks.',
  },
  transcript: { title: 'Transcript of a subagent', description: 'What it said and did, fenced.' },
};

/** The URI of a resource. */
const resourceUri = (session: string, label: string, kind: Kind): string =>
  `subagents://${encodeURIComponent(session)}/${label}/${kind}`;

/** Registers the resources with the server. */
export function registerResources(server: McpServer, options: ResourceOptions): void {
  for (const kind of ['outcome', 'transcript'] as const) {
    const template = new ResourceTemplate(`subagents://{session}/{label}/${kind}`, {
      list: async () => ({ resources: await listed(options, kind).catch(() => []) }),
    });
    server.registerResource(
      kind,
      template,
      { ...KINDS[kind], mimeType: 'text/plain' },
      async (uri, variables, ctx) => ({
        contents: [
          {
            uri: uri.href,
            mimeType: 'text/plain',
            text: await textOf(options, kind, variables, ctx.mcpReq.signal),
          },
        ],
      }),
    );
  }
}

/**
 * The session's resources: outcomes of finished subagents; transcripts of all subagents, but not of chains, which have
 * none.
 */
async function listed({ session, connect }: ResourceOptions, kind: Kind): Promise<Resource[]> {
  const subagents = await connect();
  const { live, finished } = await subagents.session(session).list({ finished: MAX_LISTED, progress: false });
  const has = (row: SubagentRow) => (kind === 'transcript' ? !isChain(row) : isFinal(row.status));
  const rows = [...live, ...finished].filter(has);
  return rows.map(({ label, run, status }) => ({
    uri: resourceUri(session, `${label}@${run}`, kind),
    name: `${label}@${run} ${kind}`,
    title: `${KINDS[kind].title.split(' ')[0]} of ${label}@${run} (${status})`,
    mimeType: 'text/plain',
  }));
}

async function textOf(
  { connect }: ResourceOptions,
  kind: Kind,
  variables: Readonly<Record<string, string | string[]>>,
  signal: AbortSignal,
): Promise<string> {
  try {
    const [session, label] = [String(variables['session']), String(variables['label'])].map(decoded);
    const subagents = await connect();
    const handle: SubagentHandle = subagents.session(session).subagent(label ?? '');
    return kind === 'outcome'
      ? await shownText(handle)
      : await transcriptText(handle, { max: MAX_TRANSCRIPT_CHARS, signal });
  } catch (error) {
    throw new Error(toolFailure(error).text, { cause: error });
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new SubagentsError('BAD_INPUT', `"${part.slice(0, 80)}" is not a valid part of a resource address`);
  }
}
