/**
 * What a workflow knows of how its messages were encrypted. The worker decrypts outside of the workflow; the seal comes
 * along with the value. The state is that of one workflow: each has its own copy of this module.
 */

/** The seal of a message that one of our keys encrypted for this workflow. */
export interface Seal {
  /** Milliseconds since the epoch, by the clock of the sender. */
  readonly at: number;
  /** Differs for each message ever encrypted. */
  readonly nonce: string;
}

/** The key of a decrypted payload's metadata that has the seal. */
export const SEAL_METADATA = 'subagents-seal';

const seals = new WeakMap<object, Seal>();
let anySealed = false;

/** The seal in a decrypted payload's metadata. */
export function sealIn(metadata: Readonly<Record<string, Uint8Array>> | null | undefined): Seal | undefined {
  const bytes = metadata?.[SEAL_METADATA];
  if (bytes === undefined) return undefined;
  const [at = '', nonce = ''] = String.fromCharCode(...bytes).split(' ');
  return { at: Number(at), nonce };
}

/** The metadata that `sealIn` reads. */
export const sealText = ({ at, nonce }: Seal): string => `${at} ${nonce}`;

/** Keeps the seal of a value. */
export function rememberSeal(value: object, seal: Seal): void {
  seals.set(value, seal);
}

/** The seal of a value; undefined if it was not encrypted. */
export const sealOf = (value: unknown): Seal | undefined =>
  typeof value === 'object' && value !== null ? seals.get(value) : undefined;

/** Notes that this workflow was sent something encrypted. */
export function noteSealed(): void {
  anySealed = true;
}

/** Whether this workflow was sent anything encrypted: its start is the first that it is sent. */
export const isEncrypted = (): boolean => anySealed;
