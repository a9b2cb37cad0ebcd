/** Payloads in the JSON of the Web UI's API: which are decrypted, for which workflow, and which are encrypted. */
import { describe, expect, it } from 'vitest';
import { open, headerOf } from '../../src/keys/envelope.ts';
import { keyOf, newRing, ringText } from '../../src/keys/key-ring.ts';
import { Keys } from '../../src/keys/keys.ts';
import { bindingText, encryptPayload, type PayloadOwner } from '../../src/temporal/encryption.ts';
import { decryptJson, encryptJson, NoOwner } from '../../src/temporal/ui/payloads.ts';

const ring = newRing('refused');
const keys = await keysOf(ring);
const key = keyOf(ring, ring.current)!;

function keysOf(of: ReturnType<typeof newRing>): Promise<Keys> {
  return Keys.read({ kind: 'env', name: 'RING', env: { RING: ringText(of) } });
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const plain = (value: unknown) => ({
  metadata: { encoding: base64('json/plain') },
  data: base64(JSON.stringify(value)),
});
/** The JSON of a payload that is encrypted for `owner`. */
function secret(value: unknown, owner: Partial<PayloadOwner> = {}, under = key) {
  const payload = {
    metadata: { encoding: Buffer.from('json/plain') },
    data: Buffer.from(JSON.stringify(value)),
  };
  const binding = bindingText({ namespace: 'ns', workflowId: 'one', ...owner });
  const { metadata, data } = encryptPayload(payload, under, binding);
  const entries = Object.entries(metadata ?? {}).map(([name, bytes]) => [
    name,
    Buffer.from(bytes).toString('base64'),
  ]);
  return {
    metadata: Object.fromEntries(entries) as Record<string, string>,
    data: Buffer.from(data!).toString('base64'),
  };
}
const decrypted = async <T>(json: T, workflowId?: string): Promise<T> => {
  await decryptJson(json, keys, { namespace: 'ns', workflowId });
  return json;
};
const note = (text: string) => plain(text);
const ELSEWHERE = note('[NOT_AUTHENTIC: it was encrypted for another workflow or activity]');

describe('an answer', () => {
  it('is readable wherever it has a payload of its workflow, or of an activity of it', async () => {
    const activity = { activityId: 'a' };
    const answer = () => ({
      workflowExecutionInfo: {
        execution: { workflowId: 'one', runId: 'r' },
        memo: { fields: { title: secret('memo') } },
        searchAttributes: { indexedFields: { Status: plain('done') } },
      },
      executionConfig: { userMetadata: { summary: secret('summary'), details: secret('details') } },
      pendingActivities: [
        { activityId: 'a', heartbeatDetails: { payloads: [secret({ doing: 'x' }, activity)] } },
      ],
      queryResult: { payloads: [secret('answer')] },
      number: 1.5,
      text: '9007199254740993',
    });
    expect(await decrypted(answer(), 'one')).toEqual({
      workflowExecutionInfo: {
        execution: { workflowId: 'one', runId: 'r' },
        memo: { fields: { title: plain('memo') } },
        searchAttributes: { indexedFields: { Status: plain('done') } },
      },
      executionConfig: { userMetadata: { summary: plain('summary'), details: plain('details') } },
      pendingActivities: [{ activityId: 'a', heartbeatDetails: { payloads: [plain({ doing: 'x' })] } }],
      queryResult: { payloads: [plain('answer')] },
      number: 1.5,
      text: '9007199254740993',
    });
  });

  it('has payloads of the workflow that an event or a list names', async () => {
    const child = { workflowId: 'child' };
    const events = (of: (value: string) => object) => [
      {
        eventType: 'EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED',
        userMetadata: { summary: of('summary') },
        startChildWorkflowExecutionInitiatedEventAttributes: { ...child, input: { payloads: [of('input')] } },
      },
      {
        eventType: 'EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED',
        signalExternalWorkflowExecutionInitiatedEventAttributes: {
          workflowExecution: child,
          input: { payloads: [of('signal')] },
        },
      },
    ];
    const inside = (of: (value: string) => object) => ({ history: { events: events(of) } });
    expect(
      await decrypted(
        inside((value) => secret(value, child)),
        'one',
      ),
    ).toEqual(inside(plain));
    // Those of the workflow itself do not belong there.
    expect(
      await decrypted(
        inside((value) => secret(value)),
        'one',
      ),
    ).toEqual(inside(() => ELSEWHERE));
    const list = (of: (value: string, owner: object) => object) => ({
      executions: ['one', 'child'].map((workflowId) => ({
        execution: { workflowId },
        memo: { fields: { title: of('memo', { workflowId }) } },
      })),
    });
    expect(await decrypted(list(secret))).toEqual(list(plain));
  });

  it('has the messages of failures, however deep their causes are', async () => {
    const failure = (cause?: object) => ({
      message: 'Encoded failure',
      encodedAttributes: secret({ message: 'It broke.', stack_trace: 'at line 1' }),
      applicationFailureInfo: { type: 'x', details: { payloads: [secret('detail')] } },
      ...(cause && { cause }),
    });
    let deep: Record<string, unknown> = failure();
    for (let depth = 0; depth < 50_000; depth++) deep = { message: `cause ${depth}`, cause: deep };
    const top = failure(deep);
    await decrypted({ eventType: 'x', workflowExecutionFailedEventAttributes: { failure: top } }, 'one');
    let deepest: Record<string, unknown> = top;
    while (deepest['cause'] !== undefined) deepest = deepest['cause'] as typeof deepest;
    const readable = {
      message: 'It broke.',
      stackTrace: 'at line 1',
      applicationFailureInfo: { type: 'x', details: { payloads: [plain('detail')] } },
    };
    expect(deepest).toEqual(readable);
    expect({ ...top, cause: undefined }).toEqual({ ...readable, cause: undefined });
    // Nobody says whose the failure of a workflow task is.
    const task = {
      failure: { encodedAttributes: secret({ message: 'No such handler.' }, { workflowId: '' }) },
    };
    expect(await decrypted(task, 'one')).toEqual({ failure: { message: 'No such handler.' } });
  });

  it('says why a payload cannot be decrypted', async () => {
    const other = newRing('refused');
    const otherKey = keyOf(other, other.current)!;
    const changed = secret('changed');
    const bytes = Buffer.from(changed.data, 'base64');
    bytes[bytes.length - 1]! ^= 1;
    const json = [
      secret('moved', { workflowId: 'two' }),
      secret('of another namespace', { namespace: 'other' }),
      secret('foreign', {}, otherKey),
      { ...changed, data: bytes.toString('base64') },
      {
        failure: {
          message: 'Encoded failure',
          encodedAttributes: secret({ message: 'x' }, { workflowId: 'two' }),
        },
      },
    ];
    expect(await decrypted(json, 'one')).toEqual([
      ELSEWHERE,
      ELSEWHERE,
      note(`[NOT_AUTHENTIC: its key ${otherKey.id} is not of the ring ${keys.name}]`),
      note(`[NOT_AUTHENTIC: it was changed, or not encrypted with key ${key.id}]`),
      { failure: { message: '[NOT_AUTHENTIC: it was encrypted for another workflow or activity]' } },
    ]);
  });
});

describe('a request', () => {
  it('is encrypted for the workflow that it is sent to, but for what the server must read', async () => {
    const json = {
      signalName: 'steer',
      input: { payloads: [plain('Stop.')] },
      searchAttributes: { indexedFields: { Status: plain('done') } },
      header: { fields: { trace: plain('t') } },
    };
    await encryptJson(json, keys, { namespace: 'ns', workflowId: 'subagent/default/one' });
    expect(json).toMatchObject({
      signalName: 'steer',
      searchAttributes: { indexedFields: { Status: plain('done') } },
      header: { fields: { trace: plain('t') } },
    });
    const [payload] = json.input.payloads;
    expect(payload?.metadata.encoding).toBe(base64('binary/encrypted'));
    const envelope = Buffer.from(payload?.data ?? '', 'base64');
    expect(headerOf(envelope)?.binding).toBe('ns\nsubagent/default/one');
    expect(Buffer.from(open(key, envelope)!).toString()).toContain('"Stop."');
    expect(await decrypted(json, 'subagent/default/one')).toMatchObject({
      input: { payloads: [plain('Stop.')] },
    });
  });

  it('is refused if it is for no workflow', async () => {
    const signal = { signalOperation: { input: { payloads: [plain('Stop.')] } } };
    await expect(encryptJson(signal, keys, { namespace: 'ns' })).rejects.toThrow(NoOwner);
    const nothing = { visibilityQuery: 'x', terminationOperation: {} };
    await encryptJson(nothing, keys, { namespace: 'ns' });
    expect(nothing).toEqual({ visibilityQuery: 'x', terminationOperation: {} });
  });
});
