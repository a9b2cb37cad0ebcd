/**
 * Payloads in the JSON of Temporal's HTTP API, as the Web UI and `temporal --codec-endpoint` have it: decrypted on their
 * way to a person, encrypted on their way to a workflow.
 */
import type { Payload } from '@temporalio/common';
import type { Keys } from '../../keys/keys.ts';
import {
  bindingText,
  decryptPayload,
  encryptedHeader,
  encryptPayload,
  ownerIn,
  type PayloadOwner,
} from '../encryption.ts';
import { HttpRefusal } from './http.ts';

/** The workflow that payloads belong to, as far as it is known from where they stand. */
export interface KnownOwner {
  readonly namespace?: string | undefined;
  readonly workflowId?: string | undefined;
}

/** A payload in JSON: bytes are in Base64. */
interface JsonPayload {
  metadata?: Record<string, string>;
  data?: string;
}
/** A failure whose message is encrypted. */
interface JsonFailure extends Record<string, unknown> {
  encodedAttributes?: JsonPayload;
}
type JsonObject = Record<string, unknown>;

/** A payload and where it stands. */
interface Found {
  readonly payload: JsonPayload;
  readonly owner: KnownOwner;
  /** The failure whose `encodedAttributes` it is. */
  readonly failure: JsonFailure | undefined;
}

/** A message that cannot be encrypted, because it is for no workflow that is known. */
export class NoOwner extends Error {}

/** The JSON in `body` after a change in place. @throws HttpRefusal if it is no JSON of the API */
export async function convertJson(body: Buffer, change: (json: unknown) => Promise<void>): Promise<Buffer> {
  let json: unknown;
  try {
    json = JSON.parse(body.toString());
  } catch {
    throw new HttpRefusal(400, 'it is no JSON');
  }
  await change(json);
  return Buffer.from(JSON.stringify(json));
}

/**
 * Decrypts all payloads in `json`, in place. In the place of one that cannot be decrypted is a text that says why.
 * @param owner the workflow that `json` is about; a part of `json` that names another one belongs to that. Payloads of
 * other owners are not decrypted.
 */
export async function decryptJson(json: unknown, keys: Keys, owner: KnownOwner): Promise<void> {
  await keys.refresh();
  for (const { payload, owner: known, failure } of payloadsIn(json, owner)) {
    const message = fromJson(payload);
    const header = encryptedHeader(message);
    if (header === undefined) continue;
    const found = await decryptPayload(message, header, keys, (binding) =>
      isOwner(ownerIn(binding), known, failure !== undefined),
    );
    const shown = 'payload' in found ? found.payload : textPayload(`[${found.code}: ${found.why}]`, failure);
    Object.assign(payload, toJson(shown));
    if (failure !== undefined) showAttributes(failure);
  }
}

/**
 * Encrypts all payloads in `json`, in place, each for the workflow that it is sent to.
 * @param owner the workflow that `json` is sent to
 * @throws NoOwner
 */
export async function encryptJson(json: unknown, keys: Keys, owner: KnownOwner): Promise<void> {
  const key = await keys.current();
  for (const {
    payload,
    owner: { namespace, workflowId },
  } of payloadsIn(json, owner)) {
    const message = fromJson(payload);
    if (encryptedHeader(message) !== undefined) continue;
    if (namespace === undefined || workflowId === undefined) throw new NoOwner();
    Object.assign(payload, toJson(encryptPayload(message, key, bindingText({ namespace, workflowId }))));
  }
}

/** What the server itself must read, and what the SDK does not encrypt. */
const PLAIN: ReadonlySet<string> = new Set(['searchAttributes', 'header']);

/** All payloads in `json`. Without recursion: causes of failures are nested as deep as their sender likes. */
function payloadsIn(json: unknown, owner: KnownOwner): Found[] {
  const found: Found[] = [];
  const todo: { readonly value: unknown; readonly owner: KnownOwner; readonly failure?: JsonFailure }[] = [
    { value: json, owner },
  ];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { value, failure } = next;
    if (Array.isArray(value)) {
      for (const each of value) todo.push({ value: each, owner: next.owner });
      continue;
    }
    if (!isObject(value)) continue;
    if (isPayload(value)) {
      found.push({ payload: value, owner: next.owner, failure });
      continue;
    }
    const workflowId = workflowIn(value);
    const inner = workflowId === undefined ? next.owner : { ...next.owner, workflowId };
    for (const [name, each] of Object.entries(value))
      if (!PLAIN.has(name))
        todo.push({ value: each, owner: inner, ...(name === 'encodedAttributes' && { failure: value }) });
  }
  return found;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isPayload = (value: JsonObject): value is JsonObject & JsonPayload => {
  const { metadata, data } = value;
  if (!isObject(metadata) || !Object.values(metadata).every((each) => typeof each === 'string')) return false;
  return 'encoding' in metadata && (data === undefined || typeof data === 'string');
};

/**
 * The workflow that the payloads in `value` belong to, if `value` names one. An event about a child, or about a signal to
 * another workflow, names it in its attributes, and has payloads of it beside them, too.
 */
function workflowIn(value: JsonObject): string | undefined {
  if (typeof value['eventType'] === 'string') {
    const attributes = Object.entries(value).find(([name]) => name.endsWith('EventAttributes'))?.[1];
    return isObject(attributes) ? workflowIn(attributes) : undefined;
  }
  if (typeof value['workflowId'] === 'string' && value['workflowId'] !== '') return value['workflowId'];
  const execution = value['workflowExecution'] ?? value['execution'];
  return isObject(execution) && typeof execution['workflowId'] === 'string' && execution['workflowId'] !== ''
    ? execution['workflowId']
    : undefined;
}

/** @param isOfFailure the SDK does not say whose the failure of a workflow task is */
function isOwner(bound: PayloadOwner, { namespace, workflowId }: KnownOwner, isOfFailure: boolean): boolean {
  if (namespace !== undefined && bound.namespace !== namespace) return false;
  if (workflowId === undefined || bound.workflowId === workflowId) return true;
  return isOfFailure && bound.workflowId === '';
}

/** Moves what was encrypted of a failure to where it is shown. */
function showAttributes(failure: JsonFailure): void {
  let attributes: unknown;
  try {
    attributes = JSON.parse(Buffer.from(failure.encodedAttributes?.data ?? '', 'base64').toString());
  } catch {
    return;
  }
  if (!isObject(attributes)) return;
  const { message, stack_trace: stackTrace } = attributes;
  if (typeof message === 'string') failure['message'] = message;
  if (typeof stackTrace === 'string') failure['stackTrace'] = stackTrace;
  delete failure.encodedAttributes;
}

/** A text in the place of a payload, or of the encrypted attributes of a failure. */
const textPayload = (text: string, failure: JsonFailure | undefined): Payload => ({
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from(JSON.stringify(failure === undefined ? text : { message: text })),
});

const base64 = (content: string | Uint8Array): string =>
  Buffer.from(content as Uint8Array).toString('base64');

const fromJson = ({ metadata = {}, data }: JsonPayload): Payload => ({
  metadata: Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')]),
  ),
  ...(data !== undefined && { data: Buffer.from(data, 'base64') }),
});

const toJson = ({ metadata, data }: Payload): Required<JsonPayload> => ({
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)])),
  data: base64(data ?? new Uint8Array()),
});
