import { z } from 'zod';
import { workerDescription } from '../protocol/worker.ts';
import { serverInfo } from './server.ts';

const { host, versions } = workerDescription.shape;

/** A worker of the server: what it said of itself, and whether it is there. */
export const workerInfo = workerDescription
  .omit({ workerId: true, host: true, versions: true })
  .partial()
  .extend({
    workerId: z.string(),
    host: host.optional(),
    versions: versions.partial().describe('only the contract, if the worker has not described itself'),
    presence: z.enum(['here', 'away']).describe('`here`: it polls for tasks'),
    lastSeen: z
      .string()
      .optional()
      .describe(
        'ISO 8601, when its last poll began; absent: the server, which keeps that for minutes, has forgotten it',
      ),
  })
  .describe('fields are absent where the worker is of another version, or this program lacks its key');

/** The workers of a server. */
export const workerList = z.object({
  server: serverInfo,
  workers: z.array(workerInfo).describe('those that are here first, by host; then those away, newest first'),
});
