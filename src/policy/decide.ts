/** Decides on what a tool of a subagent asks for, by policies in layers: pure, and the only place where rules are applied. */
import { posix } from 'node:path';
import {
  parseRule,
  type ParsedRule,
  type Policy,
  type PolicyDecision,
  type PolicyLayer,
  type PolicyLayerName,
} from '../contract/index.ts';
import { CAREFUL } from './careful.ts';
import { hostOf, readShell, type Act, type Place } from './commands.ts';
import { ANY, isKnown, mayMatch, mustMatch, NAME, type ShellWord } from './words.ts';

export type { PolicyLayer } from '../contract/index.ts';

/** What a tool asks for. */
export type ToolRequest =
  | { readonly kind: 'command'; /** A shell text. */ readonly text: string; readonly cwd: string }
  | { readonly kind: 'path'; readonly path: string; readonly access: 'read' | 'write' }
  | { readonly kind: 'host'; readonly url: string }
  | { readonly kind: 'tool'; readonly name: string };

/** What is decided, and by what. */
export interface Decision {
  readonly decision: PolicyDecision;
  /** The rule that decided, as it is written; absent where none is about the request. */
  readonly rule?: string;
  readonly layer?: PolicyLayerName;
  /** The simple command, path, host or tool that decided. */
  readonly part?: string;
  /** Why, where no rule says it. */
  readonly why?: string;
}

/**
 * Decides on a request. Within a layer deny wins, then allow, then ask, then the layer's default; over all layers and all
 * parts of the request the strictest decision wins, so that a further layer can only tighten.
 * @param workspace absolute real paths: the workspace, the home directory, the temporary folder
 */
export const decide = (layers: readonly PolicyLayer[], request: ToolRequest, workspace: Place): Decision =>
  decideAll(layers, [request], workspace);

/** Decides on several requests of one tool call: the strictest decision wins. */
export function decideAll(
  layers: readonly PolicyLayer[],
  requests: readonly ToolRequest[],
  workspace: Place,
): Decision {
  const acts = requests.flatMap((request) => actsOf(request, workspace));
  const decisions = layers.flatMap(({ layer, policy }) => {
    const rules = rulesOf(policy);
    return acts.map((act): Decision => ({ ...decideAct(rules, act, workspace), layer, part: partOf(act) }));
  });
  return strictest(decisions);
}

const STRICTNESS: Readonly<Record<PolicyDecision, number>> = { allow: 0, ask: 1, deny: 2 };

/** The first of the strictest decisions; those by a rule come first. */
function strictest(decisions: readonly Decision[]): Decision {
  const rank = (each: Decision): number => STRICTNESS[each.decision] * 2 + (each.rule === undefined ? 0 : 1);
  const found = decisions.reduce<Decision | undefined>(
    (best, each) => (best === undefined || rank(each) > rank(best) ? each : best),
    undefined,
  );
  if (found === undefined || (found.decision === 'allow' && found.rule === undefined))
    return { decision: 'allow' };
  return found;
}

/** A request for a tool by its name, or an act of a shell text. */
type Asked = Act | { readonly kind: 'tool'; readonly name: string };

function actsOf(request: ToolRequest, place: Place): readonly Asked[] {
  switch (request.kind) {
    case 'command':
      return readShell(request.text, request.cwd, place);
    case 'path': {
      const path = posix.resolve(place.cwd, request.path);
      return [{ kind: 'path', text: request.path, path, access: request.access, direct: true }];
    }
    case 'host':
      return [{ kind: 'host', text: request.url, host: hostOf(request.url), direct: true }];
    case 'tool':
      return [request];
  }
}

const partOf = (act: Asked): string => (act.kind === 'tool' ? act.name : act.text);

/** A policy with its ready-made rules, parsed. */
interface Rules {
  readonly default: PolicyDecision;
  readonly allow: readonly Rule[];
  readonly ask: readonly Rule[];
  readonly deny: readonly Rule[];
  /** Whether it asks for commands, or denies some: then a command that cannot be read asks. */
  readonly namesCommands: boolean;
  /** Whether it has any rule of ask or deny. */
  readonly restricts: boolean;
}
interface Rule {
  readonly text: string;
  readonly parsed: ParsedRule;
}

const parsedPolicies = new WeakMap<Policy, Rules>();

function rulesOf(policy: Policy): Rules {
  const before = parsedPolicies.get(policy);
  if (before) return before;
  const ready: Policy = policy.use === 'careful' ? CAREFUL : {};
  const list = (name: 'allow' | 'ask' | 'deny'): Rule[] =>
    [...(policy[name] ?? []), ...(ready[name] ?? [])].map((text) => ({ text, parsed: parseRule(text) }));
  const [allow, ask, deny] = [list('allow'), list('ask'), list('deny')];
  const rules: Rules = {
    default: policy.default ?? ready.default ?? 'allow',
    allow,
    ask,
    deny,
    restricts: ask.length + deny.length > 0,
    namesCommands: [...ask, ...deny].some(({ parsed }) => parsed.kind === 'command'),
  };
  parsedPolicies.set(policy, rules);
  return rules;
}

type Verdict = Pick<Decision, 'decision' | 'rule' | 'why'>;

/** Decides by one policy. */
function decideAct(rules: Rules, act: Asked, place: Place): Verdict {
  if (act.kind === 'unknown')
    return rules.namesCommands || (act.unread && rules.restricts) || rules.default !== 'allow'
      ? { decision: rules.default === 'deny' ? 'deny' : 'ask', why: act.why }
      : { decision: 'allow' };
  const perhaps = act.kind === 'command' && act.perhaps;
  let doubt: Verdict | undefined;
  for (const { text, parsed } of rules.deny) {
    const about = isAbout(parsed, act, place);
    if (about === 'yes' && !perhaps) return { decision: 'deny', rule: text };
    if (about !== 'no')
      doubt ??= { decision: rules.default === 'deny' ? 'deny' : 'ask', rule: text, why: whyInDoubt(act) };
  }
  if (doubt) return doubt;
  const allowed = perhaps ? undefined : rules.allow.find(({ parsed }) => covers(parsed, act, place));
  if (allowed) return { decision: 'allow', rule: allowed.text };
  for (const { text, parsed } of rules.ask) {
    const about = isAbout(parsed, act, place);
    if (about === 'no') continue;
    return { decision: 'ask', rule: text, ...((about === 'maybe' || perhaps) && { why: whyInDoubt(act) }) };
  }
  if (
    act.kind === 'command' &&
    act.opaque !== undefined &&
    (rules.namesCommands || rules.default !== 'allow')
  )
    return { decision: rules.default === 'deny' ? 'deny' : 'ask', why: act.opaque };
  const byDefault =
    act.kind === 'tool' || (act.kind === 'command' ? !act.wrapper && !act.perhaps : act.direct);
  return byDefault && rules.default !== 'allow'
    ? {
        decision: rules.default,
        why: `no rule is about it, and the default of the policy is ${rules.default}`,
      }
    : { decision: 'allow' };
}

function whyInDoubt(act: Asked): string {
  return act.kind === 'command' && act.perhaps
    ? 'a program that is not known may run this'
    : 'a part of it is not known before the shell runs, and the rule may be about it';
}

type About = 'yes' | 'maybe' | 'no';
const ORDER: readonly About[] = ['no', 'maybe', 'yes'];
const least = (...all: readonly About[]): About =>
  ORDER[Math.min(...all.map((each) => ORDER.indexOf(each)))] ?? 'no';
const most = (...all: readonly About[]): About =>
  ORDER[Math.max(...all.map((each) => ORDER.indexOf(each)))] ?? 'no';

/** Whether a rule of ask or deny is about an act. */
function isAbout(rule: ParsedRule, act: Asked, place: Place): About {
  switch (rule.kind) {
    case 'command':
      return act.kind === 'command' ? isAboutCommand(rule.words, act) : 'no';
    case 'path': {
      if (act.kind !== 'path' || (rule.access === 'write' && act.access === 'read')) return 'no';
      // A path that a variable holds as a whole says nothing; only what is written there has to be known.
      if (act.access === 'read' && act.path.startsWith(ANY)) return 'no';
      return most(...pathPatterns(rule.pattern, place).map((pattern) => glob(act.path, pattern)));
    }
    case 'host':
      return act.kind === 'host' ? glob(act.host, hostPattern(rule.pattern)) : 'no';
    case 'tool':
      return act.kind === 'tool' ? glob(act.name, rule.pattern.replaceAll('*', ANY)) : 'no';
  }
}

/** Whether a rule of allow covers an act completely. */
function covers(rule: ParsedRule, act: Asked, place: Place): boolean {
  switch (rule.kind) {
    case 'command':
      return act.kind === 'command' && coversCommand(rule.words, act);
    case 'path':
      return (
        act.kind === 'path' &&
        !(rule.access === 'write' && act.access === 'read') &&
        !act.path.includes(ANY) &&
        pathPatterns(rule.pattern, place).some((pattern) => mustMatch(act.path, pattern))
      );
    case 'host':
      return act.kind === 'host' && mustMatch(act.host, hostPattern(rule.pattern));
    case 'tool':
      return act.kind === 'tool' && mustMatch(act.name, rule.pattern.replaceAll('*', ANY));
  }
}

const glob = (value: string, pattern: string): About =>
  mustMatch(value, pattern) ? 'yes' : mayMatch(value, pattern) ? 'maybe' : 'no';

const hostPattern = (pattern: string): string => pattern.replaceAll('*', ANY);

/** Absolute paths with marks. A folder's own path belongs to what is below it. */
function pathPatterns(pattern: string, { cwd, home, temporary }: Place): string[] {
  const whole = pattern
    .replace(/^~(?=\/)/u, home)
    .replace(/^\.(?=\/)/u, cwd)
    .replace(/^\$TMPDIR(?=\/)/u, temporary);
  // `**/` is any number of folders, none included.
  const variants = whole.startsWith('**/') ? [`${ANY}/${whole.slice(3)}`] : [whole];
  return variants
    .flatMap((each) => (each.endsWith('/**') ? [each.slice(0, -3) || '/', each] : [each]))
    .flatMap((each) => (each.includes('/**/') ? [each, each.replace('/**/', '/')] : [each]))
    .map((each) => each.replaceAll('**', ANY).replaceAll('*', NAME));
}

type CommandAct = Extract<Act, { readonly kind: 'command' }>;

/** Whether the words of a rule begin a command, whatever options stand between. */
function isAboutCommand([program, ...rule]: readonly [string, ...string[]], act: CommandAct): About {
  if (!mustMatch(act.name, posix.basename(program).replaceAll('*', ANY))) return 'no';
  const words = rule.at(-1) === '*' ? rule.slice(0, -1) : rule;
  const named = words.filter((word) => !isOption(word));
  const options = words.filter(isOption);
  const ways = act.normal ? [act.normal, act.words] : [act.words];
  return most(
    ...ways.map((way) => least(positionals(way, named), ...options.map((option) => hasOption(way, option)))),
  );
}

const isOption = (word: string): boolean => /^-./u.test(word) && word !== '--';

/** Whether `named` are the first words that are no options. An option may take the next word as its value, or not. */
function positionals(words: readonly ShellWord[], named: readonly string[]): About {
  // How far in `named` one can be, and with what certainty.
  let at = new Map<number, About>([[0, 'yes']]);
  let behindOption = false;
  let found: About = named.length === 0 ? 'yes' : 'no';
  for (const word of words) {
    const next = new Map<number, About>();
    const put = (place: number, about: About): void => {
      if (about === 'no') return;
      if (place === named.length) found = most(found, about);
      else next.set(place, most(next.get(place) ?? 'no', about));
    };
    if (word.value === '--') continue;
    const option = isOption(word.value);
    for (const [place, about] of at) {
      const expected = (named[place] ?? '').replaceAll('*', ANY);
      if (option) put(place, about);
      else {
        put(place + 1, least(about, glob(word.value, expected)));
        if (behindOption) put(place, about);
        // It may be an option, no word at all, or several.
        if (word.value.startsWith(ANY)) put(place, least(about, 'maybe'));
        if (word.many) put(named.length, least(about, 'maybe'));
      }
    }
    behindOption = option && !word.value.includes('=');
    at = next;
  }
  return found;
}

/** Whether an option is among the words: as it is, with a value, abbreviated, or in a cluster of short ones. */
function hasOption(words: readonly ShellWord[], option: string): About {
  const [name = ''] = option.split('=');
  return most(
    'no',
    ...words.map((word): About => {
      if (word.many || (word.value.startsWith(ANY) && !isKnown(word))) return 'maybe';
      const pattern = option.replaceAll('*', ANY);
      if (mustMatch(word.value, pattern) || word.value.startsWith(`${option}=`)) return 'yes';
      if (/^-\w$/u.test(option))
        return new RegExp(`^-\\w*${option.slice(1)}`, 'u').test(word.value) ? 'yes' : 'no';
      const [given = ''] = word.value.split('=');
      if (given.length > 3 && name.startsWith(given)) return 'yes';
      return mayMatch(word.value, pattern) ? 'maybe' : 'no';
    }),
  );
}

/** Whether the words of a rule are those of a command exactly; `*` at the end stands for any further ones. */
function coversCommand([program, ...rule]: readonly [string, ...string[]], act: CommandAct): boolean {
  // A script of that name in another folder is not what the rule names.
  const called = program.includes('/') ? act.program : act.name;
  if (!program.includes('/') && act.program.includes('/') && act.opaque !== undefined) return false;
  if (!mustMatch(called, program.replaceAll('*', ANY))) return false;
  const open = rule.at(-1) === '*';
  const expected = open ? rule.slice(0, -1) : rule;
  return [act.normal ?? act.words].some((words) => {
    if (open ? words.length < expected.length : words.length !== expected.length) return false;
    return expected.every((each, at) => {
      const word = words[at];
      return (
        word !== undefined &&
        !word.many &&
        !word.value.includes(ANY) &&
        mustMatch(word.value, each.replaceAll('*', ANY))
      );
    });
  });
}
