/** Rules that cannot be read are refused: which, why, and how one is written. */
import { describe, expect, it } from 'vitest';
import { firstProblem, parseRule, policy, validate } from '../../src/contract/index.ts';

const problem = (value: unknown): string | undefined => {
  const result = validate(policy, value);
  return result.success ? undefined : firstProblem(result.error);
};

describe('a policy', () => {
  it('has lists of rules, and nothing else', () => {
    expect(problem({})).toBeUndefined();
    expect(
      problem({ use: 'careful', default: 'ask', allow: ['tool *'], ask: [], deny: ['host x'] }),
    ).toBeUndefined();
    expect(problem({ use: 'carefree' })).toBe('use: use careful, not "carefree"');
    expect(problem({ default: 'no' })).toBe('default: use allow, ask or deny, not "no"');
    expect(problem({ deny: 'command git push' })).toBe('deny: use a list, not "command git push"');
    expect(problem({ denied: [] })).toBe('there is no field "denied"');
  });

  it.each<[string, string]>([
    [
      'git push',
      'begins with none of command, path, path:write, host and tool: write it like "command git push"',
    ],
    ['', 'begins with none of command, path, path:write, host and tool: write it like "command git push"'],
    ['command', 'names no program: write it like "command git push"'],
    [
      'command git "push"',
      'has a character of shell syntax; a rule is words alone, in which * stands for any characters: write it like "command npm publish *"',
    ],
    ['path', 'names no path: write it like "path ~/.ssh/**"'],
    [
      'path secrets/*',
      'does not say where its path begins; begin with / (root), ~/ (home), ./ (workspace), $TMPDIR/ (temporary folder) or **/ (anywhere): write it like "path **/secrets/*"',
    ],
    ['path ~/../x', 'has ".." in its path: write it like "path ~/.ssh/**"'],
    ['path ~/[ab]', 'has a wildcard other than * and **: write it like "path ~/.config/*/token"'],
    [
      'path:read ~/x',
      'restricts reads alone, which does not exist: path restricts reads and writes: write it like "path ~/.ssh/**"',
    ],
    [
      'host https://example.com',
      'is not a host name (no scheme, no port, no path; * only as "*." in front): write it like "host *.example.com"',
    ],
    ['host', 'names no host: write it like "host *.example.com"'],
    ['tool a b', 'does not name one tool: write it like "tool web_fetch"'],
  ])('refuses the rule %j', (rule, why) =>
    expect(problem({ deny: ['command ls', rule] })).toBe(`deny.1: the rule ${JSON.stringify(rule)} ${why}`),
  );
});

describe('a rule', () => {
  it('is a kind, and words', () => {
    expect(parseRule(' command  git   push ')).toEqual({ kind: 'command', words: ['git', 'push'] });
    expect(parseRule('path:write ~/My Files/**')).toEqual({
      kind: 'path',
      access: 'write',
      pattern: '~/My Files/**',
    });
    expect(parseRule('path **/.env')).toEqual({ kind: 'path', access: 'any', pattern: '**/.env' });
    expect(parseRule('host *.Example.com')).toEqual({ kind: 'host', pattern: '*.example.com' });
    expect(parseRule('tool github-*')).toEqual({ kind: 'tool', pattern: 'github-*' });
  });
});
