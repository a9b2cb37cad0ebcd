import { keySourceOf, type KeySource } from '../keys/key-source.ts';
import { homeRoot } from '../system/home-root.ts';
import type { Context } from './context.ts';

/** The source of the key ring for the server that the options mean; undefined where nothing is encrypted. */
export function ringSource({ options, env }: Context): KeySource | undefined {
  const { address, profile, home } = options;
  const isOther = address !== undefined || profile !== undefined || Boolean(env['TEMPORAL_ADDRESS']);
  return keySourceOf(homeRoot(home, env), env, isOther ? 'other' : 'own');
}
