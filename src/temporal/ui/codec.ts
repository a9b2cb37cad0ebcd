/**
 * A codec server, as Temporal's own tools call one (`temporal --codec-endpoint`): `POST /codec/decode`, and
 * `POST /codec/<workflow id>/encode`, because a message is encrypted for one workflow.
 */
import type { IncomingMessage } from 'node:http';
import type { UiEncryption } from './access.ts';
import { bodyOf, HttpRefusal } from './http.ts';
import { convertJson, decryptJson, encryptJson, NoOwner } from './payloads.ts';

/** The path of the endpoint; the id of a workflow may follow. */
export const CODEC_PATH = '/codec';

const CALL = /^\/codec(?:\/(.+))?\/(encode|decode)$/;

/** The answer to a request to a path below `CODEC_PATH`, as JSON. @throws HttpRefusal */
export async function codecAnswer(
  incoming: IncomingMessage,
  { keys, access, namespace: ownNamespace }: UiEncryption,
): Promise<Buffer> {
  const { method, url = '', headers } = incoming;
  if (!access.isAuthorized(headers.authorization))
    throw new HttpRefusal(
      401,
      'the authorization is missing or wrong: export TEMPORAL_CODEC_AUTH="$(subagents keys codec --auth)"',
    );
  const [, id, call] = CALL.exec(url) ?? [];
  if (method !== 'POST' || call === undefined)
    throw new HttpRefusal(404, 'the codec has POST /codec/<workflow id>/encode and POST /codec/decode');
  const body = await bodyOf(incoming);
  // Whatever there is may be read: the envelope of each payload names its owner.
  if (call === 'decode') return await convertJson(body, (json) => decryptJson(json, keys, {}));
  try {
    // The header is empty unless the namespace is named on the command line.
    const namespace = String(headers['x-namespace'] ?? '') || ownNamespace;
    const workflowId = id === undefined ? undefined : decodeURIComponent(id);
    return await convertJson(body, (json) => encryptJson(json, keys, { namespace, workflowId }));
  } catch (error) {
    if (!(error instanceof NoOwner)) throw error;
    throw new HttpRefusal(
      400,
      'a message is encrypted for one workflow: --codec-endpoint "$(subagents keys codec SUBAGENT)" names it',
    );
  }
}
