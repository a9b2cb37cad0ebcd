/**
 * A store in a bucket. Endpoint, region and credentials are those of the standard AWS variables. The SDK is loaded when
 * a bucket is used: it is an optional package.
 */
import type * as Sdk from '@aws-sdk/client-s3';
import { SubagentsError } from '../contract/errors.ts';
import { errorCode } from '../system/files.ts';
import type { Env } from '../system/home-root.ts';
import { missingPackages, missingText, packagesInstallCommand } from '../system/optional-packages.ts';
import { noStoreAt, storeDamaged, storeDenied, storeFull, storeUnreachable } from './errors.ts';
import { MAX_OBJECT_BYTES, type CallOptions, type ListedObject, type Objects } from './objects.ts';
import type { StorePlace } from './place.ts';

/** The package that a bucket needs. As text, so that no bundle has it inside. */
const SDK_PACKAGE: string = '@aws-sdk/client-s3';
/** How long a connection may take, and one call with its content, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;
const CALL_TIMEOUT_MS = 120_000;
/** Besides 5xx: timeout, conflict of two conditional writes at once, too early, too many. */
const BUSY: ReadonlySet<number> = new Set([408, 409, 425, 429]);
/** Refusals of content that did not arrive as it was sent. */
const MANGLED = /Digest|SHA256Mismatch|IncompleteBody|RequestTimeout/;
/** Answers that say that there is no space. */
const FULL = /QuotaExceeded|StorageFull|InsufficientStorage|NoSpace/i;

/** Objects of a bucket, below a prefix. */
export class S3Objects implements Objects {
  readonly place: string;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #sdk: typeof Sdk;
  readonly #client: Sdk.S3Client;
  readonly #timeoutMs: number;

  private constructor(
    place: Extract<StorePlace, { kind: 's3' }>,
    sdk: typeof Sdk,
    client: Sdk.S3Client,
    timeoutMs: number,
  ) {
    this.place = `s3://${place.bucket}/${place.prefix}`.replace(/\/$/, '');
    this.#bucket = place.bucket;
    this.#prefix = place.prefix;
    this.#sdk = sdk;
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @param timeoutMs how long one call may take
   * @throws SubagentsError PACKAGE_MISSING
   */
  static async open(
    place: Extract<StorePlace, { kind: 's3' }>,
    env: Env,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<S3Objects> {
    const missing = missingPackages([SDK_PACKAGE]);
    if (missing.length > 0)
      throw new SubagentsError(
        'PACKAGE_MISSING',
        `a store in a bucket cannot be used: ${missingText(missing)}`,
        {
          remedy: packagesInstallCommand(),
        },
      );
    const sdk = (await import(SDK_PACKAGE)) as typeof Sdk;
    const endpoint = env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'];
    const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? (endpoint && 'us-east-1');
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
    const { AWS_SESSION_TOKEN: sessionToken } = env;
    const client = new sdk.S3Client({
      ...(endpoint && { endpoint, forcePathStyle: true }),
      ...(region && { region }),
      ...(accessKeyId &&
        secretAccessKey && {
          credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
        }),
      // Retries are ours: they say what they wait for.
      maxAttempts: 1,
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: timeoutMs },
      // Services other than that of AWS do not know the newer checksums. The signature covers what is sent, and the
      // tag of each object what is received.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
    return new S3Objects(place, sdk, client, timeoutMs);
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  async putIfAbsent(key: string, content: Uint8Array, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.#call(options, (abortSignal) =>
        this.#client.send(
          new this.#sdk.PutObjectCommand({ ...this.#named(key), Body: content, IfNoneMatch: '*' }),
          { abortSignal },
        ),
      );
      return true;
    } catch (error) {
      if (statusOf(error) === 412) return false;
      throw this.#explained(error);
    }
  }

  async get(key: string, options: CallOptions = {}): Promise<Uint8Array | undefined> {
    try {
      return await this.#call(options, async (abortSignal) => {
        const { Body } = await this.#client.send(new this.#sdk.GetObjectCommand(this.#named(key)), {
          abortSignal,
        });
        const parts: Uint8Array[] = [];
        let bytes = 0;
        for await (const part of Body as AsyncIterable<Uint8Array>) {
          abortSignal.throwIfAborted();
          bytes += part.length;
          if (bytes > MAX_OBJECT_BYTES)
            throw storeDamaged(this.place, `${key} is too large for an object of a store`);
          parts.push(part);
        }
        return Buffer.concat(parts);
      });
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return undefined;
      throw this.#explained(error);
    }
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    let token: string | undefined;
    do {
      const { Contents = [], NextContinuationToken } = await this.#call(options, (abortSignal) =>
        this.#client.send(
          new this.#sdk.ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: `${this.#prefix}${prefix}`,
            ContinuationToken: token,
          }),
          { abortSignal },
        ),
      ).catch((error: unknown) => {
        throw this.#explained(error);
      });
      for (const { Key = '', Size = 0, LastModified = new Date() } of Contents)
        yield { key: Key.slice(this.#prefix.length), bytes: Size, modifiedAt: LastModified };
      token = NextContinuationToken;
    } while (token !== undefined);
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    try {
      await this.#call(options, (abortSignal) =>
        this.#client.send(new this.#sdk.DeleteObjectCommand(this.#named(key)), { abortSignal }),
      );
    } catch (error) {
      if (nameOf(error) !== 'NoSuchKey') throw this.#explained(error);
    }
  }

  // A bucket shows no object before it is whole.
  removeDrafts(): Promise<number> {
    return Promise.resolve(0);
  }

  #named(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: `${this.#prefix}${key}` };
  }

  async #call<T>({ signal }: CallOptions, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const limit = AbortSignal.timeout(this.#timeoutMs);
    try {
      return await send(signal === undefined ? limit : AbortSignal.any([signal, limit]));
    } catch (error) {
      signal?.throwIfAborted();
      if (limit.aborted)
        throw storeUnreachable(
          this.place,
          `no answer within ${Math.round(this.#timeoutMs / 1_000)} s`,
          error,
        );
      throw error;
    }
  }

  #explained(error: unknown): unknown {
    if (error instanceof SubagentsError || !(error instanceof Error)) return error;
    const { place } = this;
    const status = statusOf(error);
    const name = nameOf(error);
    const why = `${status ?? errorCode(error) ?? ''} ${name}: ${error.message}`.trim().slice(0, 300);
    if (name === 'CredentialsProviderError') return storeDenied(place, 'there are no credentials', error);
    if (FULL.test(name) || status === 507) return storeFull(place, error);
    if (name === 'NoSuchBucket') return noStoreAt(place, `there is no bucket ${this.#bucket}`);
    const isTransient = status === undefined || status >= 500 || BUSY.has(status) || MANGLED.test(name);
    return isTransient ? storeUnreachable(place, why, error) : storeDenied(place, why, error);
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');

const statusOf = (error: unknown): number | undefined =>
  (error as Partial<Sdk.S3ServiceException> | undefined)?.$metadata?.httpStatusCode;
