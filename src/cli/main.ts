#!/usr/bin/env node
import { writeSync } from 'node:fs';
import { outputFailure } from './output-failure.ts';
import { failureOutput, run } from './run.ts';

const argv = process.argv.slice(2);

// A closed pipe (`subagents list | head -1`) is no failure; output that cannot be written is one. Either ends the
// command: one that must clean up first gets a SIGTERM event, any other exits here.
let ended: number | undefined;
function end(exitCode: number): void {
  ended = exitCode;
  if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(exitCode);
}
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (ended !== undefined) return;
    if (error.code === 'EPIPE') return end(0);
    const { text, exitCode } = failureOutput(outputFailure(error), argv);
    try {
      writeSync(process.stderr.fd, text);
    } catch {
      // There is no way to report it.
    }
    end(exitCode);
  });
}

const code = await run(argv);
// Pipes are written asynchronously: wait until all output is written, or its error is known.
await Promise.all(
  [process.stdout, process.stderr]
    .filter((stream) => stream.writableLength > 0)
    .map((stream) => new Promise((done) => stream.write('', done))),
);
await new Promise(setImmediate);
process.exit(ended ?? code);
