/** The one way out of an activity: nothing that it says to the server (result, heartbeat, failure) carries a secret. */
import type { Payload, PayloadCodec } from '@temporalio/common';
import type { Redactor } from '../../environment/redact.ts';

/** Redacts what is sent, and reads what comes as it is. The payloads stay plain JSON, for everyone to read. */
export function redactingCodec(redactor: Redactor): PayloadCodec {
  const encode = (payload: Payload): Payload => {
    if (!payload.data) return payload;
    const text = Buffer.from(payload.data).toString('utf8');
    // Without a look at its structure: mostly there is nothing to redact.
    if (redactor.text(text) === text) return payload;
    return { ...payload, data: Buffer.from(redactedJson(redactor, text)) };
  };
  return {
    encode: (payloads) => Promise.resolve(payloads.map(encode)),
    decode: (payloads) => Promise.resolve(payloads),
  };
}

/** Inside its strings alone, so that it stays JSON. */
function redactedJson(redactor: Redactor, text: string): string {
  try {
    return JSON.stringify(redactor.deep(JSON.parse(text) as unknown));
  } catch {
    return redactor.text(text);
  }
}
