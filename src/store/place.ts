/** Where a store is: a folder, or a bucket of a service that speaks S3. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import type { SettingName } from '../contract/settings.ts';
import type { Env } from '../system/home-root.ts';

/** The setting that names the place. */
export const STORE_VARIABLE = 'SUBAGENTS_STORE' satisfies SettingName;

/** A place of a store. */
export type StorePlace =
  | { readonly kind: 'folder'; readonly path: string }
  /** `prefix` is empty, or ends in a slash. */
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

const S3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/;
const PREFIX = /^[\w.-]+(\/[\w.-]+)*$/;

/**
 * The place that `SUBAGENTS_STORE` names; undefined where it names none.
 * @throws SubagentsError BAD_INPUT
 */
export function storePlaceOf(env: Env): StorePlace | undefined {
  const value = env[STORE_VARIABLE]?.trim();
  if (!value) return undefined;
  const [, bucket, rest = ''] = S3.exec(value) ?? [];
  const prefix = rest.replace(/\/+$/, '');
  if (bucket !== undefined && (prefix === '' || PREFIX.test(prefix)))
    return { kind: 's3', bucket, prefix: prefix === '' ? '' : `${prefix}/` };
  const path = value.replace(/^~(?=\/)/, homedir());
  if (isAbsolute(path)) return { kind: 'folder', path: join(path).replace(/(?<=.)\/$/, '') };
  throw new SubagentsError('BAD_INPUT', `${STORE_VARIABLE}=${value.slice(0, 80)}: it names no store`, {
    remedy: 'use the absolute path of a folder, or s3://bucket/prefix',
  });
}
