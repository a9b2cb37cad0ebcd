/** Starts an embedded server on the data folder of its argument, says what it is, and stays until it is killed. */
import { join } from 'node:path';
import { startEmbedded } from '../../../src/temporal/embedded/server.ts';

const [dataDir = ''] = process.argv.slice(2);
const server = await startEmbedded({
  dataDir,
  logFile: join(dataDir, '..', 'temporal.log'),
  onProgress: () => undefined,
});
console.log(`server ${server.pid} at ${server.address}`);
