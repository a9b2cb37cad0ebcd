#!/usr/bin/env node
import { run } from './run.ts';

// A reader that has seen enough (`subagents list | head -1`) is no failure. A command that has something to put right before
// it ends is told so as by SIGTERM; every other one ends here.
let readerGone = false;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (readerGone) return;
    readerGone = true;
    if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(0);
  });
}

const code = await run(process.argv.slice(2));
// Pipes are written asynchronously: what was printed is out before the process is.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))),
);
process.exit(readerGone ? 0 : code);
