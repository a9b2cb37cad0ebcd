/**
 * Version of the messages between clients, workers and workflows. Raise it on breaking changes; adding an optional
 * field is not one. A worker reports its version in the identity that the server shows for its polls.
 */
export const CONTRACT_VERSION = 4;

/** The identity with which a worker polls the server. */
export const workerIdentity = (workerId: string, host: string, contract = CONTRACT_VERSION): string =>
  `${workerId}@${host} contract/${contract}`;

/** What the id of a worker looks like. */
export const WORKER_ID = /^w-[a-z2-7]{8}$/;

/** How messages name a worker. */
export const workerName = (workerId: string, host: string): string => `worker ${workerId} on ${host}`;

/** The id of the worker with this identity. */
export const workerOf = (identity: string): string => identity.split('@', 1)[0] ?? '';

/** The contract version of the worker with this identity; 1 when the identity has none. */
export const contractOf = (identity: string): number => Number(/ contract\/(\d+)$/.exec(identity)?.[1] ?? 1);

/** The host of the worker with this identity; undefined if the identity is of another kind of program. */
export const workerHostOf = (identity: string): string | undefined =>
  /^w-[a-z2-7]{8}@(.*?)( contract\/\d+)?$/.exec(identity)?.[1];
