/** What this worker says of itself. */
import type { WorkSlots } from '../../activities/slot/work-slots.ts';
import { CONTRACT_VERSION, type WorkerDescription } from '../contract/index.ts';
import { describeModelAccess } from '../copilot/runtime/model-access.ts';
import type { CopilotPool } from '../copilot/runtime/pool.ts';
import type { Home } from '../home/home.ts';
import type { Settings } from '../home/settings.ts';
import type { Keys } from '../keys/keys.ts';
import { freeBytes } from '../system/disk.ts';
import { version } from '../system/version.ts';

/** How often the key ring is read anew, in milliseconds: its source may be a command. */
const KEY_READ_MS = 10 * 60_000;

/** What the description is made of. */
export interface DescriptionParts {
  readonly home: Home;
  readonly settings: Settings;
  readonly pools: readonly string[];
  readonly slots: WorkSlots;
  readonly copilot: CopilotPool;
  readonly keys: Keys | undefined;
  readonly state: () => WorkerDescription['state'];
}

/** Returns the function that describes the worker. It never rejects. */
export function workerDescriber(parts: DescriptionParts): () => Promise<WorkerDescription> {
  const { home, settings, pools, slots, copilot, keys, state } = parts;
  const { workerId, host, user, root } = home;
  const since = new Date(Date.now() - process.uptime() * 1_000).toISOString();
  const product = version();
  // It may look for a program: not at each call, and nobody waits for it.
  let access: string | undefined;
  void describeModelAccess(copilot.env).then(
    ({ description }) => (access = description),
    () => undefined,
  );
  const currentKey = keyWatcher(keys);
  return async () => {
    const [ofCopilot, key] = await Promise.all([copilot.version(), currentKey()]);
    return {
      workerId,
      host,
      user,
      pools: [...pools],
      state: state(),
      slots: { inUse: slots.inUse, total: slots.capacity },
      versions: {
        product,
        contract: CONTRACT_VERSION,
        ...(ofCopilot !== undefined && { copilot: ofCopilot }),
      },
      since,
      ...(settings.models && { models: [...settings.models] }),
      ...(settings.model !== undefined && { model: settings.model }),
      ...(access !== undefined && { access }),
      ...(settings.repos && { repositories: [...settings.repos] }),
      sandbox: settings.sandbox,
      ...(key !== undefined && { key }),
      home: root,
      freeBytes: freeBytesOf(root),
      at: new Date().toISOString(),
    };
  };
}

/** Reads the id of the key that encrypts. An idle worker encrypts nothing, and would not notice a new one. */
function keyWatcher(keys: Keys | undefined): () => Promise<string | undefined> {
  let readAt = -Infinity;
  return async () => {
    if (performance.now() - readAt >= KEY_READ_MS) {
      readAt = performance.now();
      await keys?.current().catch(() => undefined);
    }
    return keys?.ring.current;
  };
}

/** Free bytes; 0 if the disk of the home is gone. */
function freeBytesOf(root: string): number {
  try {
    return freeBytes(root);
  } catch {
    return 0;
  }
}
