/** What a sandboxed subagent may reach over the network: `none`, `all`, or hosts. */
import { z } from 'zod';

const NAME = String.raw`(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*`;
const ADDRESS = String.raw`\[[0-9A-Fa-f:.]+\]`;
const HOST = String.raw`(${NAME}|${ADDRESS})(:[0-9]{1,5})?`;
const MAX_CHARS = 2_000;

/** The schema. Its pattern is one that validators of other languages read, too. */
export const network = z
  .string()
  .max(MAX_CHARS)
  .regex(
    new RegExp(`^${HOST}(,${HOST})*$`),
    'write none, all, or hosts separated by commas, for example registry.npmjs.org,*.github.com,db.internal:5432',
  );

/** One entry of a list of hosts. */
export interface NetworkRule {
  /** A host name in lower case, or an address without brackets. */
  readonly host: string;
  /** Whether the names below it are meant, as by `*.example.com`. */
  readonly below: boolean;
  readonly port: number | undefined;
}

/** What `network` allows. */
export type NetworkAccess = 'none' | 'all' | readonly NetworkRule[];

/** Parses a value that fits the schema. */
export function parseNetwork(text: string): NetworkAccess {
  if (text === 'none' || text === 'all') return text;
  return text.split(',').map((entry) => {
    const [, star, name = '', port] = /^(\*\.)?(\[[^\]]*\]|[^:]*)(?::(\d+))?$/u.exec(entry) ?? [];
    return {
      host: withoutBrackets(name).toLowerCase(),
      below: star !== undefined,
      port: port === undefined ? undefined : Number(port),
    };
  });
}

/** A host without the brackets that an address has in a URL. */
export const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/gu, '');

/** Whether a rule is about this host and port. */
export function namesHost(rule: NetworkRule, host: string, port: number): boolean {
  if (rule.port !== undefined && rule.port !== port) return false;
  const name = host.toLowerCase().replace(/\.$/u, '');
  return rule.below ? name.endsWith(`.${rule.host}`) : name === rule.host;
}

/** Whether everything that `asked` allows is allowed by `bound`. */
export function isWithinNetwork(asked: string, bound: string): boolean {
  const [wanted, allowed] = [parseNetwork(asked), parseNetwork(bound)];
  if (wanted === 'none' || allowed === 'all') return true;
  if (wanted === 'all' || allowed === 'none') return false;
  return wanted.every((rule) => allowed.some((outer) => covers(outer, rule)));
}

function covers(outer: NetworkRule, rule: NetworkRule): boolean {
  if (outer.port !== undefined && outer.port !== rule.port) return false;
  if (!outer.below) return !rule.below && rule.host === outer.host;
  return rule.host.endsWith(`.${outer.host}`) || (rule.below && rule.host === outer.host);
}
