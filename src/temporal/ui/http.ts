/** What the parts of the gate before the Web UI share: refusals, and bodies of bounded size. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The largest body that is read whole, in bytes: larger than every page of history. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** A request that is not served. */
export class HttpRefusal extends Error {
  readonly status: number;

  /** @param why half a sentence, for people */
  constructor(status: number, why: string) {
    super(why);
    this.status = status;
  }
}

/** Answers with the reason, and closes the connection. */
export function refuse(answer: ServerResponse, { status, message }: HttpRefusal): void {
  if (answer.headersSent) return void answer.destroy();
  answer.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  answer.end(`The Temporal Web UI of subagents: ${message}.\n`);
}

/** Whether a request has a body. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;

/**
 * The whole body of a request or an answer.
 * @throws HttpRefusal if it is larger than `limit` bytes; the error of a connection that ended
 */
export async function bodyOf(message: IncomingMessage, limit = MAX_BODY_BYTES): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new HttpRefusal(413, `it is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Raw headers without those of `names`, which are in lower case. */
export function withoutHeaders(rawHeaders: readonly string[], ...names: readonly string[]): string[] {
  return rawHeaders.filter((_, index) => {
    const name = rawHeaders[index - (index % 2)];
    return !names.includes(name?.toLowerCase() ?? '');
  });
}
