import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { startEmbedded, type EmbeddedServer } from '../../src/temporal/embedded/server.ts';
import { temporaryFolder } from './home.ts';
import { ownPorts } from './ports.ts';

/** An embedded server of a test, with its data in a folder of its own; disposing of it stops it and removes the folder. */
export interface TestServer extends EmbeddedServer, AsyncDisposable {
  readonly dataDir: string;
  readonly logFile: string;
  readonly connection: Connection;
}

/** Starts an embedded server: `await using server = await testServer()`. */
export async function testServer(): Promise<TestServer> {
  const folder = await temporaryFolder();
  const dataDir = join(folder.path, 'temporal');
  const logFile = join(folder.path, 'logs', 'temporal.log');
  try {
    const server = await startEmbedded({ dataDir, logFile, onProgress: () => undefined, ports: ownPorts() });
    const connection = await Connection.connect({ address: server.address });
    return {
      ...server,
      dataDir,
      logFile,
      connection,
      [Symbol.asyncDispose]: async () => {
        await connection.close();
        await server.stop();
        await folder[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
