/** Starts `up` in the background as commands do, says `ready PID`, and is interrupted at a line on its standard input. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { homeRoot } from '../../../src/system/home-root.ts';
import type * as detached from '../../../src/worker/up/detached.ts';

// Of dist: it starts the command that lies beside it.
const { startDetached } = (await import(
  new URL('../../../dist/src/worker/up/detached.js', import.meta.url).href
)) as typeof detached;

const interrupt = new AbortController();
const { up } = await startDetached({
  root: homeRoot(),
  env: process.env,
  onProgress: () => undefined,
  signal: interrupt.signal,
});
console.log(`ready ${up.pid}`);
await once(createInterface({ input: process.stdin }), 'line');
interrupt.abort();
// A signal that it sends has come by then.
await new Promise((resolve) => setTimeout(resolve, 500));
console.log('interrupted');
process.exit();
