/** A policy: which tools, commands, paths and hosts a subagent may use, and for which somebody has to be asked. */
import { z } from 'zod';

/** What a policy says of a request, from the mildest to the strictest. */
const POLICY_DECISIONS = ['allow', 'ask', 'deny'] as const;
/** One of `POLICY_DECISIONS`. */
export type PolicyDecision = (typeof POLICY_DECISIONS)[number];

/** Where a policy comes from, in the order in which policies apply. */
export type PolicyLayerName = 'worker' | 'repository' | 'spawn';

/** Policies that come with this package. */
const READY_MADE_POLICIES = ['careful'] as const;

/** Maximum number of rules in one list, and characters of one rule. */
const MAX_RULES = 500;
const MAX_RULE_CHARS = 500;

/** A rule as it is written, for example `command git push`. */
export type PolicyRule = string;

/** A rule, parsed. */
export type ParsedRule =
  /** `*` in a word stands for any characters. The first word is the program. */
  | { readonly kind: 'command'; readonly words: readonly [string, ...string[]] }
  /** `*` stands for any characters of one name, `**` for any number of folders. */
  | { readonly kind: 'path'; readonly access: 'any' | 'write'; readonly pattern: string }
  /** A host name in lower case, or `*.` and the domain above it, or `*`. */
  | { readonly kind: 'host'; readonly pattern: string }
  /** `*` stands for any characters. */
  | { readonly kind: 'tool'; readonly pattern: string };

/** Says what is wrong with a rule. */
class BadRule extends Error {
  override readonly name = 'BadRule';
}

/** Parses a rule. @throws BadRule with what is wrong, and an example */
export function parseRule(rule: PolicyRule): ParsedRule {
  const [, kind = '', rest = ''] = /^\s*(\S+)\s*(.*?)\s*$/su.exec(rule) ?? [];
  const bad = (problem: string, example: string): BadRule =>
    new BadRule(`the rule ${JSON.stringify(rule.slice(0, 80))} ${problem}: write it like "${example}"`);
  switch (kind) {
    case 'command': {
      const [program, ...others] = rest.split(/\s+/u);
      if (program === undefined || program === '') throw bad('names no program', 'command git push');
      if (/["'\\$`;&|<>(){}]/u.test(rest))
        throw bad(
          'has a character of shell syntax; a rule is words alone, in which * stands for any characters',
          'command npm publish *',
        );
      return { kind, words: [program, ...others] };
    }
    case 'path':
    case 'path:write':
      if (rest === '') throw bad('names no path', 'path ~/.ssh/**');
      if (!/^(\/|~\/|\.\/|\$TMPDIR\/|\*\*\/)/u.test(rest))
        throw bad(
          'does not say where its path begins; begin with / (root), ~/ (home), ./ (workspace), $TMPDIR/ (temporary folder) or **/ (anywhere)',
          `${kind} **/${rest}`,
        );
      if (rest.split('/').includes('..')) throw bad('has ".." in its path', 'path ~/.ssh/**');
      if (/[?[\]{}]/u.test(rest)) throw bad('has a wildcard other than * and **', 'path ~/.config/*/token');
      return { kind: 'path', access: kind === 'path' ? 'any' : 'write', pattern: rest };
    case 'host':
      if (rest === '') throw bad('names no host', 'host *.example.com');
      if (!/^(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/iu.test(rest))
        throw bad(
          'is not a host name (no scheme, no port, no path; * only as "*." in front)',
          'host *.example.com',
        );
      return { kind, pattern: rest.toLowerCase() };
    case 'tool':
      if (!/^\S+$/u.test(rest)) throw bad('does not name one tool', 'tool web_fetch');
      return { kind, pattern: rest };
    case 'path:read':
      throw bad(
        'restricts reads alone, which does not exist: path restricts reads and writes',
        'path ~/.ssh/**',
      );
    default:
      throw bad('begins with none of command, path, path:write, host and tool', 'command git push');
  }
}

const rule = z
  .string()
  .max(MAX_RULE_CHARS)
  .superRefine((text, context) => {
    try {
      parseRule(text);
    } catch (error) {
      if (!(error instanceof BadRule)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  });
const rules = z.array(rule).max(MAX_RULES);

/** The schema of a policy. */
export const policy = z
  .strictObject({
    use: z
      .enum(READY_MADE_POLICIES)
      .optional()
      .describe('a ready-made policy whose rules are added to those of this one'),
    default: z
      .enum(POLICY_DECISIONS)
      .optional()
      .describe('decision on what no rule is about; default: allow'),
    allow: rules.optional().describe('exceptions from ask and from default'),
    ask: rules.optional().describe('what needs an approval'),
    deny: rules.optional().describe('what is refused, whatever else the policy says'),
  })
  .describe('rules for tools, commands, paths and hosts, for example "command git push" or "path ~/.ssh/**"');
/** A policy as it is written. */
export type Policy = z.infer<typeof policy>;

/** A policy, or the name of a ready-made one. */
export const policyOrName = z.union([
  policy,
  z.enum(READY_MADE_POLICIES).transform((use): Policy => ({ use })),
]);

/** A policy, and where it comes from. */
export interface PolicyLayer {
  readonly layer: PolicyLayerName;
  readonly policy: Policy;
}
