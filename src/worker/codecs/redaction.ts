/** Redacts secrets in everything an activity sends to the server (result, heartbeat, failure). */
import type { Payload, PayloadCodec } from '@temporalio/common';
import type { Redactor } from '../../environment/redact.ts';

/** Redacts outgoing payloads, and leaves incoming ones unchanged. Payloads stay plain JSON that everyone can read. */
export function redactingCodec(redactor: Redactor): PayloadCodec {
  const encode = (payload: Payload): Payload => {
    if (!payload.data) return payload;
    const text = Buffer.from(payload.data).toString('utf8');
    // Checked without parsing, because usually there is nothing to redact.
    if (redactor.text(text) === text) return payload;
    return { ...payload, data: Buffer.from(redactedJson(redactor, text)) };
  };
  return {
    encode: (payloads) => Promise.resolve(payloads.map(encode)),
    decode: (payloads) => Promise.resolve(payloads),
  };
}

/** Redacts within strings only, so that the text stays JSON. */
function redactedJson(redactor: Redactor, text: string): string {
  try {
    return JSON.stringify(redactor.deep(JSON.parse(text) as unknown));
  } catch {
    return redactor.text(text);
  }
}
