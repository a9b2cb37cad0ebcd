/**
 * The gate's part for a server whose messages are encrypted: it lets in whoever may read, decrypts what the Web UI
 * answers, and encrypts what is sent through it. The Web UI itself has no key.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Keys } from '../../keys/keys.ts';
import { ENTER_PATH, withoutOwnCookie, type UiAccess, type UiEncryption } from './access.ts';
import { CODEC_PATH, codecAnswer } from './codec.ts';
import { CLOSED_PAGE, ENTER_PAGE, PAGE_HEADERS } from './enter.ts';
import { bodyOf, hasBody, HttpRefusal, withoutHeaders } from './http.ts';
import { convertJson, decryptJson, encryptJson, NoOwner, type KnownOwner } from './payloads.ts';

/** A request as the gate passes it on. */
export interface PassedOn {
  readonly rawHeaders: readonly string[];
  /** The new body; absent: that of the original request. */
  readonly body?: Buffer;
  /** Makes the body of the answer from JSON of the Web UI; absent: it is passed on as it is. */
  readonly convert?: (body: Buffer) => Promise<Buffer>;
}

/** The largest message that the server takes, in bytes. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
const MAX_TOKEN_BYTES = 200;
const API = '/api/';

/**
 * Decides on a request, and answers it unless it is to be passed on.
 * @param port where the gate listens
 * @returns undefined if it was answered
 * @throws HttpRefusal
 */
export async function passOn(
  incoming: IncomingMessage,
  answer: ServerResponse,
  encryption: UiEncryption,
  port: number,
): Promise<PassedOn | undefined> {
  const { keys, access } = encryption;
  const { url = '', headers } = incoming;
  const [path = ''] = url.split('?', 1);
  if (isOfOtherPage(headers)) throw new HttpRefusal(403, 'the request comes from another page');
  if (path.startsWith(`${CODEC_PATH}/`)) {
    const body = await codecAnswer(incoming, encryption);
    answer.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body);
    return undefined;
  }
  if (path === ENTER_PATH) {
    await letIn(incoming, answer, access, port);
    return undefined;
  }
  if (!access.hasCookie(headers.cookie, port)) {
    if (path.startsWith(API))
      throw new HttpRefusal(403, 'this browser is not let in; run `subagents open` in a terminal');
    answer.writeHead(403, PAGE_HEADERS).end(CLOSED_PAGE);
    return undefined;
  }
  const rawHeaders = headersWithoutCookie(incoming, port);
  if (!path.startsWith(API)) return { rawHeaders };
  const owner = ownerIn(path);
  const body = hasBody(incoming) ? await encryptedBody(incoming, keys, owner) : undefined;
  return {
    // Their values are other ones for the new body, and an answer that is compressed could not be read here.
    rawHeaders: [
      ...withoutHeaders(rawHeaders, 'accept-encoding', 'content-length', 'transfer-encoding'),
      ...(body === undefined ? [] : ['Content-Length', String(body.length)]),
    ],
    ...(body !== undefined && { body }),
    convert: (json) => convertJson(json, (value) => decryptJson(value, keys, owner)),
  };
}

/**
 * What a browser says of the page that a request comes from. A page on another port of the same host gets the cookie
 * sent along; it may only lead to a page of the Web UI, and not have one in a frame.
 */
function isOfOtherPage(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return false;
  return headers['sec-fetch-mode'] !== 'navigate' || headers['sec-fetch-dest'] !== 'document';
}

/** The page of a one-time link, and what it asks for. */
async function letIn(
  incoming: IncomingMessage,
  answer: ServerResponse,
  access: UiAccess,
  port: number,
): Promise<void> {
  if (incoming.method !== 'POST') return void answer.writeHead(200, PAGE_HEADERS).end(ENTER_PAGE);
  const token = (await bodyOf(incoming, MAX_TOKEN_BYTES)).toString();
  if (access.useLink(token)) answer.writeHead(204, { 'set-cookie': access.setCookie(port) }).end();
  // Whoever comes back to a link that was used here may go on.
  else if (access.hasCookie(incoming.headers.cookie, port)) answer.writeHead(204).end();
  else throw new HttpRefusal(403, 'the link does not work');
}

/** The workflow that a path of the API is about. */
function ownerIn(path: string): KnownOwner {
  const [, namespace = '', workflowId] =
    /^\/api\/v1\/namespaces\/([^/]+)(?:\/workflows\/([^/]+))?/.exec(path) ?? [];
  try {
    return {
      namespace: decodeURIComponent(namespace),
      workflowId: workflowId && decodeURIComponent(workflowId),
    };
  } catch {
    throw new HttpRefusal(400, 'the path cannot be read');
  }
}

async function encryptedBody(incoming: IncomingMessage, keys: Keys, owner: KnownOwner): Promise<Buffer> {
  if (incoming.headers['content-encoding'] !== undefined)
    throw new HttpRefusal(415, 'a compressed body is not taken');
  const body = await bodyOf(incoming, MAX_REQUEST_BYTES);
  if (body.length === 0) return body;
  try {
    return await convertJson(body, (json) => encryptJson(json, keys, owner));
  } catch (error) {
    if (!(error instanceof NoOwner)) throw error;
    throw new HttpRefusal(400, 'with a key, a message is sent to one workflow at a time');
  }
}

function headersWithoutCookie({ rawHeaders, headers }: IncomingMessage, port: number): string[] {
  const cookie = withoutOwnCookie(headers.cookie ?? '', port);
  return [...withoutHeaders(rawHeaders, 'cookie'), ...(cookie === undefined ? [] : ['Cookie', cookie])];
}
