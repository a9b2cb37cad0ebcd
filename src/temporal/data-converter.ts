/** The data converters of our clients and workers, with encryption where there are keys. */
import {
  defaultFailureConverter,
  type DataConverter,
  type LoadedDataConverter,
  type PayloadCodec,
} from '@temporalio/common';
import { compiledFile } from '../system/compiled-file.ts';
import type { Keys } from '../keys/keys.ts';
import { encryptingCodec, FOR_ACTIVITIES, FOR_CLIENTS, FOR_WORKFLOWS } from './encryption.ts';
import { AuthenticFailureConverter } from './failure-converter.ts';
import { payloadConverter } from './payload-converter.ts';

/** The data converter of a `Client`. @param keys undefined where nothing is encrypted */
export function clientDataConverter(keys: Keys | undefined, namespace: string): LoadedDataConverter {
  if (keys === undefined)
    return { payloadConverter, failureConverter: defaultFailureConverter, payloadCodecs: [] };
  return {
    payloadConverter,
    failureConverter: new AuthenticFailureConverter(() => keys.ring.plain === 'refused'),
    payloadCodecs: [encryptingCodec(keys, namespace, FOR_CLIENTS)],
  };
}

/**
 * The data converter of a worker.
 * @param work what the worker runs
 * @param codecs what is done to payloads before they are encrypted
 */
export function workerDataConverter(
  keys: Keys | undefined,
  namespace: string,
  work: 'workflows' | 'activities',
  codecs: readonly PayloadCodec[] = [],
): DataConverter {
  if (keys === undefined) return { payloadCodecs: [...codecs] };
  const unreadable = work === 'workflows' ? FOR_WORKFLOWS : FOR_ACTIVITIES;
  return {
    payloadCodecs: [...codecs, encryptingCodec(keys, namespace, unreadable)],
    failureConverterPath: compiledFile('temporal/encrypted-failures.js'),
  };
}
