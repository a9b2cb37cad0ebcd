// `run-folder-keeper.mjs FOLDER`: when its input ends, as it does with the process that started it, it kills every process that works in
// FOLDER or was told of it, and removes FOLDER.
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const [, , folder] = process.argv;

const read = (look) => {
  try {
    return String(look());
  } catch {
    return ''; // it has ended meanwhile, or is another user's
  }
};

/** Where there is no /proc none is found. */
function processesOfRun() {
  return read(() => readdirSync('/proc').join())
    .split(',')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) =>
      [
        read(() => readlinkSync(`/proc/${pid}/cwd`)),
        read(() => readFileSync(`/proc/${pid}/cmdline`)),
        read(() => readFileSync(`/proc/${pid}/environ`)),
      ].some((text) => text.includes(folder)),
    )
    .map(Number);
}

process.stdin.resume();
await new Promise((resolve) => process.stdin.once('close', resolve));
// One that is killed may just have started another.
for (let left = processesOfRun(); left.length > 0; left = processesOfRun()) {
  for (const pid of left) read(() => process.kill(pid, 'SIGKILL'));
  await delay(100);
}
rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
