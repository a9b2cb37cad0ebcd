/** Chooses the Temporal server that a client talks to. */
import type { TLSConfig } from '@temporalio/client';
import { homedir } from 'node:os';
import { SubagentsError } from '../contract/errors.ts';
import { homeRoot, type Env } from '../system/home-root.ts';
import { EMBEDDED_POLL_FRESHNESS_MS } from './embedded/arguments.ts';
import type { ServerIdentity } from './server-identity.ts';
import { readUpFile } from './up-file.ts';

/** A Temporal server and namespace, with what is needed to connect, and who chose it. */
export interface TemporalTarget {
  /** `host:port` of the gRPC frontend. */
  readonly address: string;
  readonly namespace: string;
  readonly tls?: TLSConfig | boolean;
  readonly apiKey?: string;
  /** gRPC headers of the profile. */
  readonly metadata?: Record<string, string>;
  /** Base URL of the Web UI, if known; for an external server it comes from `SUBAGENTS_UI_URL`. */
  readonly uiUrl?: string;
  /** Whether it is the embedded server of a home, whose Web UI has our page of columns. */
  readonly embedded?: boolean;
  /** `within` for `hasPollers` on this server, if it differs from the default. */
  readonly pollFreshnessMs?: number;
  /** The server that must answer there, if known: a home knows its server. */
  readonly identity?: ServerIdentity;
  /** A description for people, for example `the embedded server of ~/.subagents`. */
  readonly origin: string;
}

/** The caller's choices. Everything omitted is searched for. */
export interface TargetOptions {
  /** Home folder whose `up` is used; default `SUBAGENTS_HOME`, else `~/.subagents`. */
  readonly home?: string | undefined;
  /** Profile of the Temporal TOML configuration file. */
  readonly profile?: string | undefined;
  readonly address?: string | undefined;
  readonly namespace?: string | undefined;
  readonly env?: Env | undefined;
}

/**
 * Chooses the server: the named one (`--profile`, `--address`, `TEMPORAL_ADDRESS`), else that of the `up` which runs in
 * this home, else the default profile of the Temporal configuration file. Does not connect.
 *
 * A named server is configured as in Temporal's own tools: profile, then `TEMPORAL_*` variables, then options. The
 * embedded server uses neither profile nor variables.
 * @throws SubagentsError BAD_INPUT (no such profile, unreadable file, invalid address), TEMPORAL_UNREACHABLE (none
 * found)
 */
export async function resolveTemporalTarget(options: TargetOptions = {}): Promise<TemporalTarget> {
  const { profile, address, namespace, env = process.env } = options;
  if (profile !== undefined || address !== undefined || env['TEMPORAL_ADDRESS']) {
    const found = await fromConfiguration(options, env);
    if (!found)
      throw new SubagentsError('BAD_INPUT', `profile "${profile}" names no address`, {
        remedy: 'add `address` to the profile, or name one with --address',
      });
    return found;
  }

  const root = homeRoot(options.home, env);
  const up = readUpFile(root);
  if (up)
    return {
      address: up.address,
      namespace: namespace ?? up.namespace,
      uiUrl: up.uiUrl,
      embedded: true,
      pollFreshnessMs: EMBEDDED_POLL_FRESHNESS_MS,
      ...(up.server && { identity: up.server }),
      origin: `the embedded server of ${tilde(root)}`,
    };

  const configured = await fromConfiguration(options, env);
  if (configured) return configured;
  throw new SubagentsError('TEMPORAL_UNREACHABLE', `no Temporal server: nothing runs in ${tilde(root)}`, {
    remedy: 'start one with `subagents up`, or name one with --address or --profile',
  });
}

/** The target from configuration file, environment and options together; undefined if they name no address. */
async function fromConfiguration(options: TargetOptions, env: Env): Promise<TemporalTarget | undefined> {
  const { profile, address, namespace } = options;
  // Loaded on demand, because most commands use `up` and do not need it.
  const { loadClientConnectConfig } = await import('@temporalio/envconfig');
  let config;
  try {
    config = loadClientConnectConfig({
      ...(profile === undefined ? {} : { profile }),
      overrideEnvVars: Object.fromEntries(
        Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ),
    });
  } catch (error) {
    throw new SubagentsError(
      'BAD_INPUT',
      `the Temporal configuration is invalid: ${error instanceof Error ? error.message : String(error)}`,
      { remedy: 'see `temporal config list` for the profiles there are', cause: error },
    );
  }
  const { address: configuredAddress, apiKey, tls, metadata } = config.connectionOptions;
  const uiUrl = env['SUBAGENTS_UI_URL'];
  const chosen = address ?? (configuredAddress || undefined);
  if (chosen === undefined) return undefined;
  return {
    address: checkedAddress(chosen),
    namespace: namespace ?? config.namespace ?? 'default',
    ...(typeof apiKey === 'string' ? { apiKey } : {}),
    ...(tls == null ? {} : { tls }),
    ...(uiUrl ? { uiUrl } : {}),
    ...(metadata && Object.keys(metadata).length > 0 ? { metadata: metadata as Record<string, string> } : {}),
    origin: originOf(options, env),
  };
}

function originOf({ profile, address }: TargetOptions, env: Env): string {
  if (address !== undefined) return '--address';
  if (env['TEMPORAL_ADDRESS']) return 'TEMPORAL_ADDRESS';
  const name = profile ?? env['TEMPORAL_PROFILE'];
  return name ? `the Temporal profile "${name}"` : 'the default Temporal profile';
}

function checkedAddress(address: string): string {
  if (/^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+)(:\d{1,5})?$/.test(address)) return address;
  throw new SubagentsError('BAD_INPUT', `"${address}" is not an address of a Temporal server`, {
    remedy: 'write it as host:port, for example localhost:7233, without http://',
  });
}

function tilde(path: string): string {
  const home = homedir();
  return path === home || path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
