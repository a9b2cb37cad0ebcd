/**
 * Encrypts payloads on their way to the server, and decrypts them on their way back, for clients and workers alike.
 * What a payload belongs to (namespace, workflow, activity) is bound to it: a copy of it is refused elsewhere.
 */
import type { Payload, PayloadCodec, SerializationContext } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { UnreadableCode } from '../contract/check.ts';
import { SubagentsError } from '../contract/errors.ts';
import { SEAL_METADATA, sealText } from '../contract/protocol/seals.ts';
import { headerOf, open, seal, type EnvelopeHeader, type Key } from '../keys/envelope.ts';
import type { Keys } from '../keys/keys.ts';
import { compressed, expanded } from './compression.ts';
import { ENCRYPTED, UNREADABLE } from './payload-converter.ts';

const { Payload: ProtoPayload } = proto.temporal.api.common.v1;

/** The key of an encrypted payload's metadata that repeats the id of its key, for people. */
const KEY_ID_METADATA = 'encryption-key-id';

/** What happens to a payload that cannot be decrypted. */
export interface Unreadable {
  /** The key is missing: `wait` throws, so that the task is tried again once the key is there; `replace` puts a note in its place. */
  readonly missing: 'wait' | 'replace';
  /** It is not from us: `throw`, or `replace` it by a note. */
  readonly foreign: 'throw' | 'replace';
}

/** For programs that only talk to workflows. */
export const FOR_CLIENTS: Unreadable = { missing: 'replace', foreign: 'replace' };
/** For workers that run workflows: nothing that a stranger sends may stop a workflow, and nothing of ours may be lost. */
export const FOR_WORKFLOWS: Unreadable = { missing: 'wait', foreign: 'replace' };
/** For workers that run activities, which fail for what they cannot read. */
export const FOR_ACTIVITIES: Unreadable = { missing: 'wait', foreign: 'throw' };

/** Encrypts with the current key of `keys`. Must be the last codec: it encrypts what the others have made. */
export function encryptingCodec(keys: Keys, namespace: string, unreadable: Unreadable): PayloadCodec {
  return {
    async encode(payloads, context) {
      const key = await keys.current();
      const binding = bindingOf(namespace, context);
      return payloads.map((payload) => encryptPayload(payload, key, binding));
    },
    async decode(payloads, context) {
      const binding = context && bindingOf(namespace, context);
      return await Promise.all(payloads.map((payload) => decrypted(payload, keys, binding, unreadable)));
    },
  };
}

/** Encrypts a payload. @param binding what it belongs to: see `bindingText` */
export const encryptPayload = (payload: Payload, key: Key, binding: string): Payload => ({
  metadata: { encoding: Buffer.from(ENCRYPTED), [KEY_ID_METADATA]: Buffer.from(key.id) },
  data: seal(key, compressed(ProtoPayload.encode(payload).finish()), binding),
});

/** A payload that was decrypted, or why it cannot be. */
export type Decrypted =
  { readonly payload: Required<Payload> } | { readonly code: UnreadableCode; readonly why: string };

/**
 * Decrypts a payload.
 * @param header that of the payload
 * @param isBoundHere whether the payload's binding is one of the place where the payload was found
 */
export async function decryptPayload(
  { data }: Payload,
  { keyId, binding }: EnvelopeHeader,
  keys: Keys,
  isBoundHere: (binding: string) => boolean,
): Promise<Decrypted> {
  const failed = (code: UnreadableCode, why: string): Decrypted => ({ code, why });
  if (!isBoundHere(binding))
    return failed('NOT_AUTHENTIC', 'it was encrypted for another workflow or activity');
  const key = await keys.find(keyId);
  if (key === 'foreign') return failed('NOT_AUTHENTIC', `its key ${keyId} is not of the ring ${keys.name}`);
  if (key === 'missing') return failed('KEY_MISSING', `its key ${keyId} is not in ${keys.origin}`);
  const content = data && open(key, data);
  if (!content) return failed('NOT_AUTHENTIC', `it was changed, or not encrypted with key ${keyId}`);
  return { payload: ProtoPayload.decode(expanded(content)) };
}

/** The header of an encrypted payload; undefined if the payload is not encrypted by us. */
export function encryptedHeader({ metadata, data }: Payload): EnvelopeHeader | undefined {
  const encoding = metadata?.['encoding'];
  return encoding && data && Buffer.from(encoding).toString() === ENCRYPTED ? headerOf(data) : undefined;
}

/** What a payload belongs to. */
export interface PayloadOwner {
  readonly namespace: string;
  readonly workflowId: string;
  /** Of a payload of an activity: its id tells its payloads from those of the others. */
  readonly activityId?: string | undefined;
}

/** The binding of the payloads of `owner`. */
export const bindingText = ({ namespace, workflowId, activityId }: PayloadOwner): string =>
  [namespace, workflowId, ...(activityId === undefined ? [] : [activityId])].join('\n');

/** The owner in a binding. */
export function ownerIn(binding: string): PayloadOwner {
  const [namespace = '', workflowId = '', activityId] = binding.split('\n');
  return { namespace, workflowId, activityId };
}

/** The binding of a payload whose owner the SDK names. */
const bindingOf = (namespace: string, context: SerializationContext | undefined): string =>
  bindingText({
    namespace: context?.namespace ?? namespace,
    workflowId: context?.workflowId ?? '',
    ...(context?.type === 'activity' && { activityId: context.activityId ?? '' }),
  });

async function decrypted(
  payload: Payload,
  keys: Keys,
  binding: string | undefined,
  unreadable: Unreadable,
): Promise<Payload> {
  const foreign = (why: string): Payload => {
    if (unreadable.foreign === 'replace') return noteInPlace('NOT_AUTHENTIC', why);
    throw new SubagentsError('NOT_AUTHENTIC', `a message was refused: ${why}`);
  };
  const header = encryptedHeader(payload);
  if (header === undefined)
    return keys.ring.plain === 'read' ? withoutSeal(payload) : foreign('it is not encrypted');
  const found = await decryptPayload(
    payload,
    header,
    keys,
    (bound) => binding === undefined || bound === binding,
  );
  if ('payload' in found) {
    const { metadata, data } = found.payload;
    const sealed = Buffer.from(sealText({ at: header.sealedAt, nonce: header.nonce }));
    return { metadata: { ...metadata, [SEAL_METADATA]: sealed }, data };
  }
  if (found.code === 'NOT_AUTHENTIC') return foreign(found.why);
  if (unreadable.missing === 'replace') return noteInPlace(found.code, found.why);
  throw new SubagentsError(found.code, `a message cannot be decrypted: ${found.why}`, {
    remedy: 'put the key back (docs/keys.md); until then the subagents that need it wait',
  });
}

const noteInPlace = (code: UnreadableCode, why: string): Payload => ({
  metadata: { encoding: Buffer.from(UNREADABLE) },
  data: Buffer.from(`${code}: ${why}`),
});

/** Only what was decrypted has a seal. */
function withoutSeal(payload: Payload): Payload {
  if (payload.metadata?.[SEAL_METADATA] === undefined) return payload;
  const metadata = Object.entries(payload.metadata).filter(([name]) => name !== SEAL_METADATA);
  return { ...payload, metadata: Object.fromEntries(metadata) };
}
