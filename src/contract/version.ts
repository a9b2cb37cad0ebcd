/**
 * Version of what clients, workers and workflows say to each other. Raise it on breaking changes; adding an optional field is
 * not one. A worker tells its own in the identity that the server shows of its polls.
 */
export const CONTRACT_VERSION = 3;

/** How a worker is called at the server. */
export const workerIdentity = (workerId: string, host: string, contract = CONTRACT_VERSION): string =>
  `${workerId}@${host} contract/${contract}`;

/** The id of the worker with this identity. */
export const workerOf = (identity: string): string => identity.split('@', 1)[0] ?? '';

/** The contract of the worker with this identity: 1 where it says nothing of it. */
export const contractOf = (identity: string): number => Number(/ contract\/(\d+)$/.exec(identity)?.[1] ?? 1);
