/** `subagents keys` and its commands: the key ring that encrypts messages. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { SubagentsError } from '../../contract/errors.ts';
import { SESSION } from '../../contract/protocol/messages.ts';
import { sessionWorkflowId } from '../../contract/protocol/names.ts';
import {
  keyOf,
  preparedKey,
  ringName,
  ringText,
  withCurrent,
  withNewKey,
  withoutKey,
  type KeyRing,
} from '../../keys/key-ring.ts';
import { homeRingPath, readRing, sourceName, type KeySource } from '../../keys/key-source.ts';
import { changeRing, makeHomeRing } from '../../keys/ring-file.ts';
import { homeRoot } from '../../system/home-root.ts';
import { connectTemporal } from '../../temporal/connect.ts';
import { DATABASE } from '../../temporal/embedded/arguments.ts';
import { keyUsage, type KeyUsage, type RunCount } from '../../temporal/key-usage.ts';
import { resolveTemporalTarget } from '../../temporal/target.ts';
import { codecToken } from '../../temporal/ui/access.ts';
import { CODEC_PATH } from '../../temporal/ui/codec.ts';
import { readUpFile } from '../../temporal/up-file.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { KeysCodecJson, KeysJson, KeysUsageJson } from '../json.ts';
import { plural } from '../render/numbers.ts';
import { ringSource } from '../ring-source.ts';

/** How long sessions get to be continued as new, in milliseconds. */
const ROLL_OVER_MS = 30_000;

/** `subagents keys` */
export async function listKeys(context: Context): Promise<number> {
  const source = ringSource(context);
  if (source === undefined) {
    context.output.data({ source: null, ring: null, plain: null, keys: [] } satisfies KeysJson);
    context.output.line('Messages are not encrypted. `subagents keys init` makes a key; see docs/keys.md.');
    return EXIT.ok;
  }
  show(context, source, await readRing(source));
  return EXIT.ok;
}

/** `subagents keys init` */
export async function initKeys(
  context: Context,
  { anew }: { readonly anew?: true | undefined },
): Promise<number> {
  const root = rootOf(context);
  requireDown(root);
  // Subagents from before must stay readable; a new home has none.
  const rule = anew !== true && existsSync(join(root, 'temporal', DATABASE)) ? 'read' : 'refused';
  const ring = makeHomeRing(root, rule, anew);
  const { output } = context;
  show(context, { kind: 'file', path: homeRingPath(root) }, ring);
  output.line('From the next `subagents up` on, messages are encrypted. Keep a copy elsewhere now:');
  output.line('  subagents keys backup > keys-backup.json');
  return EXIT.ok;
}

/** `subagents keys rotate` */
export async function rotateKeys(
  context: Context,
  { prepare }: { readonly prepare?: true | undefined },
): Promise<number> {
  const change = (ring: KeyRing): KeyRing => {
    const prepared = preparedKey(ring);
    if (prepare !== true && prepared !== undefined) return withCurrent(ring, prepared);
    const { ring: more, id } = withNewKey(ring);
    return prepare === true ? more : withCurrent(more, id);
  };
  return await changeKeys(context, change);
}

/** `subagents keys remove` */
export async function removeKey(
  context: Context,
  id: string,
  { force }: { readonly force?: true | undefined },
): Promise<number> {
  const source = requireSource(context);
  const ring = await readRing(source);
  if (keyOf(ring, id) === undefined)
    throw new SubagentsError('BAD_INPUT', `there is no key ${id} in ${sourceName(source)}`, {
      remedy: '`subagents keys` lists them',
    });
  if (id === ring.current)
    throw new SubagentsError('BAD_INPUT', `${id} is the key that encrypts now`, {
      remedy: 'first make another one: `subagents keys rotate`',
    });
  const used = force === true ? undefined : (await usageOf(context)).keys.get(id);
  if (used !== undefined)
    throw new SubagentsError('STILL_LIVE', `messages of ${countText(used)} are under ${id}`, {
      remedy: 'without it they can never be read again; with --force it is removed all the same',
    });
  return await changeKeys(context, (now) => withoutKey(now, id));
}

/** `subagents keys require` */
export async function requireKeys(context: Context): Promise<number> {
  const open = await withConnection(context, async (connection, namespace) => {
    const deadline = Date.now() + ROLL_OVER_MS;
    for (let asked = false; ; asked = true) {
      const { plainOpen } = await keyUsage(connection, namespace);
      const sessions = plainOpen.filter((id) => id.startsWith(sessionWorkflowId('')));
      if (sessions.length === 0 || sessions.length < plainOpen.length || Date.now() > deadline)
        return plainOpen;
      // Continued as new, a session has what it knows encrypted.
      if (!asked)
        for (const workflowId of sessions)
          await connection.workflowService.signalWorkflowExecution({
            namespace,
            workflowExecution: { workflowId },
            signalName: SESSION.rollOver,
          });
      await delay(500);
    }
  });
  if (open.length > 0)
    throw new SubagentsError(
      'STILL_LIVE',
      `messages that are not encrypted are still needed by ${plural(open.length, 'open workflow')}: ${open.slice(0, 5).join(', ')}`,
      { remedy: 'wait until these subagents have ended, and let a worker run meanwhile' },
    );
  return await changeKeys(context, (ring) => ({ ...ring, plain: 'refused' }));
}

/** `subagents keys backup` */
export async function backupKeys(context: Context): Promise<number> {
  printRing(context, await readRing(requireSource(context)));
  return EXIT.ok;
}

/** `subagents keys usage` */
export async function showUsage(context: Context): Promise<number> {
  const { output } = context;
  const source = ringSource(context);
  const ring = source && (await readRing(source));
  const { runs, keys, plain } = await usageOf(context);
  const ids = [...new Set([...(ring?.keys ?? []).map(({ id }) => id), ...keys.keys()])];
  const rows = ids.map((id) => ({
    id,
    known: ring !== undefined && keyOf(ring, id) !== undefined,
    ...(keys.get(id) ?? { open: 0, closed: 0 }),
  }));
  output.data({ runs, plain, keys: rows } satisfies KeysUsageJson);
  output.line(`${plural(runs.open + runs.closed, 'run')} on this server:`);
  for (const { id, known, ...count } of rows) {
    const lost = known ? '' : output.colors.red(' key missing: these cannot be read');
    output.line(`  ${id}  ${countText(count)}${lost}`);
  }
  output.line(`  ${'not encrypted'.padEnd(18)}  ${countText(plain)}`);
  return EXIT.ok;
}

/** `subagents keys codec` */
export async function showCodec(
  context: Context,
  target: string | undefined,
  { auth }: { readonly auth?: true | undefined },
): Promise<number> {
  requireSource(context);
  await using subagents = await context.connect();
  const { embedded, uiUrl, address } = subagents.target;
  if (embedded !== true || uiUrl === undefined)
    throw new SubagentsError('BAD_INPUT', `there is no codec endpoint of ours for ${address}`, {
      remedy:
        'only the server of `subagents up` has one: leave out --address, --profile and TEMPORAL_ADDRESS',
    });
  const endpoint = `${uiUrl}${CODEC_PATH}`;
  const workflowId =
    target === undefined
      ? undefined
      : (await (await subagents.find(target, { session: context.session })).describe()).workflowId;
  const authorization = `Bearer ${codecToken(rootOf(context))}`;
  const url = workflowId === undefined ? endpoint : `${endpoint}/${workflowId}`;
  context.output.data({ endpoint: url, authorization } satisfies KeysCodecJson);
  context.output.line(auth === true ? authorization : url);
  return EXIT.ok;
}

const countText = ({ open, closed }: RunCount): string => `${plural(open, 'open run')}, ${closed} closed`;

const rootOf = ({ options, env }: Context): string => homeRoot(options.home, env);

function requireSource(context: Context): KeySource {
  const source = ringSource(context);
  if (source !== undefined) return source;
  throw new SubagentsError('KEYS_UNREADABLE', 'there is no key ring: messages are not encrypted', {
    remedy: 'make one with `subagents keys init`, or name one with SUBAGENTS_KEYS',
  });
}

function requireDown(root: string): void {
  const up = readUpFile(root);
  if (up === undefined) return;
  throw new SubagentsError('HOME_BUSY', `\`subagents up\` runs in ${root}: process ${up.pid}`, {
    remedy: 'stop it with `subagents down`; what runs goes on after the next `subagents up`',
  });
}

const usageOf = (context: Context): Promise<KeyUsage> => withConnection(context, keyUsage);

async function withConnection<T>(
  { options, env }: Context,
  use: (connection: Connection, namespace: string) => Promise<T>,
): Promise<T> {
  const { home, profile, address, namespace } = options;
  const target = await resolveTemporalTarget({ home, profile, address, namespace, env });
  const connection = await connectTemporal(target);
  try {
    return await use(connection, target.namespace);
  } finally {
    await connection.close();
  }
}

/** Changes a ring in a file. That of a variable or a command is printed, for its owner to put there. */
async function changeKeys(context: Context, change: (ring: KeyRing) => KeyRing): Promise<number> {
  const source = requireSource(context);
  if (source.kind === 'file') {
    show(context, source, await changeRing(rootOf(context), source.path, change));
    return EXIT.ok;
  }
  printRing(context, change(await readRing(source)));
  context.output.note(`Put this ring where ${sourceName(source)} has it: nothing is changed until then.`);
  return EXIT.ok;
}

/** Prints a ring with its secrets. */
function printRing({ output }: Context, ring: KeyRing): void {
  output.data(ring);
  if (!output.json) process.stdout.write(ringText(ring));
}

function show({ output }: Context, source: KeySource, ring: KeyRing): void {
  const prepared = preparedKey(ring);
  const useOf = (id: string): KeysJson['keys'][number]['use'] => {
    if (id === ring.current) return 'encrypts';
    return id === prepared ? 'prepared' : 'decrypts';
  };
  const keys = ring.keys.map(({ id, created }) => ({ id, created, use: useOf(id) }));
  const { plain } = ring;
  output.data({ source: sourceName(source), ring: ringName(ring), plain, keys } satisfies KeysJson);
  output.fact('ring', `${ringName(ring)}, in ${sourceName(source)}`);
  for (const { id, created, use } of keys) output.fact(use, `${id}, made ${created.slice(0, 10)}`);
  if (plain === 'read')
    output.line(
      'Messages from before the key are read, too: anybody who reaches the server can send such. Once they are gone: subagents keys require',
    );
}
