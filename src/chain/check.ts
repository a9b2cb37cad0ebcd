/** Checks a chain before anything of it is started. */
import { z } from 'zod';
import {
  labelProblem,
  MAX_ARTIFACT_STEPS,
  outcome,
  QUOTE_WORDS,
  stepLabel,
  type ParsedChain,
  type ParsedStep,
} from '../contract/index.ts';
import { artifactsProblem } from './artifacts.ts';
import { ancestors, findCycle, withNeeds, type Node } from './graph.ts';
import { schemaProblem } from './output-schema.ts';
import { STEP_FIELDS } from './quotes.ts';
import { hasList, hasPath, type JsonSchema } from './schema-path.ts';
import { parsePath, quotesIn } from './template.ts';

/** A problem of a chain, with the path of the value that has it. */
export interface Problem {
  readonly message: string;
  readonly path: readonly (string | number)[];
  /** The quote, if the problem is in a task's quote. */
  readonly quote?: string | undefined;
}

type CheckedStep = ParsedStep & Node;

const OUTCOME = z.toJSONSchema(outcome, { io: 'output' }) as JsonSchema;

/** All problems of a chain that fits its schema, in order of its steps. */
export function checkChain(chain: ParsedChain): Problem[] {
  const steps = withNeeds<ParsedStep>(chain.steps);
  const problems = steps.flatMap((step, at) => [
    ...checkNames(chain, steps, step, at),
    ...checkNeeds(steps, step, at),
    ...checkOutput(step, at),
  ]);
  const givers = steps.filter(({ artifacts }) => artifacts !== undefined).length;
  if (givers > MAX_ARTIFACT_STEPS)
    problems.push({
      message: `${givers} steps have artifacts; at most ${MAX_ARTIFACT_STEPS} can`,
      path: ['steps'],
    });
  const cycle = findCycle(steps);
  if (cycle) {
    const at = steps.findIndex(({ id }) => id === cycle[0]);
    problems.push({
      message: `these steps need each other: ${cycle.join(' → ')}`,
      path: ['steps', at, 'needs'],
    });
  }
  // Ancestors are known only if the graph is sound, so the checks below run only without earlier problems.
  if (problems.length > 0) return problems;
  return steps.flatMap((step, at) => [
    ...checkFrom(steps, step, at),
    ...checkForEach(steps, step, at),
    ...quotesIn(step.task).flatMap(({ text, path }) => {
      const message = quoteProblem(chain, steps, step, path);
      return message === undefined
        ? []
        : [{ message: `${text}: ${message}`, path: ['steps', at, 'task'], quote: text }];
    }),
  ]);
}

function checkNames(
  { label }: ParsedChain,
  steps: readonly CheckedStep[],
  { id, forEach }: CheckedStep,
  at: number,
): Problem[] {
  const problems: Problem[] = [];
  if (steps.findIndex((other) => other.id === id) < at)
    problems.push({ message: `there are two steps "${id}"`, path: ['steps', at, 'id'] });
  const fan = steps.find((other) => other.forEach !== undefined && isOfFan(other.id, id));
  if (fan)
    problems.push({
      message: `the subagents of ${fan.id} (forEach) are named ${fan.id}-0, ${fan.id}-1 and so on: give this step another name`,
      path: ['steps', at, 'id'],
    });
  const name = stepLabel(label, id, forEach === undefined ? undefined : 99);
  if (labelProblem(name) !== undefined)
    problems.push({
      message: `its subagent cannot be named "${name}": ${labelProblem(name)}`,
      path: ['steps', at, 'id'],
    });
  return problems;
}

/** Whether `id` is the name of a subagent of the `forEach` step `fan`. */
const isOfFan = (fan: string, id: string): boolean =>
  id.startsWith(`${fan}-`) && /^\d+$/.test(id.slice(fan.length + 1));

function checkNeeds(steps: readonly CheckedStep[], { id, needs }: CheckedStep, at: number): Problem[] {
  return needs.flatMap((need) => {
    if (steps.some((other) => other.id === need)) return [];
    return [{ message: `${id} needs "${need}", but there is no such step`, path: ['steps', at, 'needs'] }];
  });
}

function checkOutput(step: CheckedStep, at: number): Problem[] {
  const { output } = step;
  const problem = output === undefined ? undefined : schemaProblem(output);
  const files = artifactsProblem(step);
  return [
    ...(problem === undefined ? [] : [{ message: problem, path: ['steps', at, 'output'] }]),
    ...(files === undefined ? [] : [{ message: files, path: ['steps', at, 'artifacts'] }]),
  ];
}

function checkFrom(steps: readonly CheckedStep[], step: CheckedStep, at: number): Problem[] {
  const { from } = step;
  if (from === undefined) return [];
  const path = ['steps', at, 'from'];
  const source = steps.find(({ id }) => id === from);
  if (!source) return [{ message: `there is no step "${from}"`, path }];
  if (!ancestors(steps, step.id).has(from))
    return [{ message: `${step.id} starts from ${from} but does not need it: add it to needs`, path }];
  if (source.forEach !== undefined)
    return [{ message: `${from} has several branches (forEach), so no step can start from it`, path }];
  if (step.isolation === 'in-place' || step.base !== undefined || step.withChanges === true)
    return [
      {
        message: 'a step with from cannot have base or withChanges, and cannot be in-place',
        path,
      },
    ];
  if (source.repo !== step.repo)
    return [
      {
        message: `${from} works in another repository (repo), so its branch does not exist in this one`,
        path,
      },
    ];
  return [];
}

function checkForEach(steps: readonly CheckedStep[], step: CheckedStep, at: number): Problem[] {
  if (step.forEach === undefined)
    return step.maxConcurrent === undefined
      ? []
      : [
          {
            message: 'only a step with forEach can have maxConcurrent',
            path: ['steps', at, 'maxConcurrent'],
          },
        ];
  const path = parsePath(step.forEach);
  const where = ['steps', at, 'forEach'];
  if (step.isolation === 'in-place')
    return [
      {
        message: 'only one in-place subagent can work in a checkout, so forEach needs worktrees',
        path: where,
      },
    ];
  const message = pathOfStepProblem(steps, step, path) ?? listProblem(steps, path);
  return message === undefined ? [] : [{ message: `${step.forEach}: ${message}`, path: where }];
}

/** What is wrong with a quote in the task of `step`; undefined if nothing is. */
function quoteProblem(
  chain: ParsedChain,
  steps: readonly CheckedStep[],
  step: CheckedStep,
  path: readonly string[],
): string | undefined {
  const [root = '', ...rest] = path;
  if (path.length === 0)
    return 'this is not a valid quote: write it like {{research.report}}, and write two literal braces as \\{{';
  if (root === 'params') {
    const names = Object.keys(chain.params ?? {});
    if (names.includes(rest.join('.'))) return undefined;
    return `the chain has no such parameter; ${names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`}`;
  }
  if (root === 'item' || root === 'index') {
    if (step.forEach === undefined) return `${step.id} has no forEach`;
    if (rest.length === 0) return undefined;
    return root === 'index' ? 'index has no parts' : itemProblem(steps, step.forEach, rest);
  }
  return pathOfStepProblem(steps, step, path);
}

/** Why the quotable value at `path` is not a list that a step can run over; undefined if it is one. */
function listProblem(steps: readonly CheckedStep[], path: readonly string[]): string | undefined {
  const [root = '', field, ...rest] = ownPath(path);
  const source = steps.find(({ id }) => id === root);
  if (source?.forEach !== undefined)
    return `${root} has several subagents (forEach), each with a value of its own`;
  const schema = schemaOf(source, field);
  return schema !== undefined && hasList(schema, rest) ? undefined : 'this is not a list';
}

/**
 * What is wrong with a part of the entries of a list. Undefined if the list itself is wrong, which is reported
 * separately.
 */
function itemProblem(
  steps: readonly CheckedStep[],
  forEach: string,
  part: readonly string[],
): string | undefined {
  const [root, field, ...rest] = ownPath(parsePath(forEach));
  const schema = schemaOf(
    steps.find(({ id }) => id === root),
    field,
  );
  if (schema === undefined || !hasList(schema, rest) || hasPath(schema, [...rest, '0', ...part]))
    return undefined;
  return `an entry of ${forEach} has no ${part.join('.')}`;
}

/** Parts of an outcome that are never set for a step that is done, which is when it is quoted. */
const UNSET_WHEN_DONE: readonly string[] = ['failure', 'steps'];

/** `outcome.output` of a step as its `output`; any other path unchanged. */
const ownPath = (path: readonly string[]): readonly string[] =>
  path[1] === 'outcome' && path[2] === 'output' ? [path[0] ?? '', ...path.slice(2)] : path;

/** The schema of a step's `output` or `outcome`. */
const schemaOf = (step: CheckedStep | undefined, field: string | undefined): JsonSchema | undefined =>
  field === 'outcome' ? OUTCOME : field === 'output' ? step?.output : undefined;

function pathOfStepProblem(
  steps: readonly CheckedStep[],
  step: CheckedStep,
  path: readonly string[],
): string | undefined {
  const [root = '', field, ...rest] = ownPath(path);
  const source = steps.find(({ id }) => id === root);
  if (!source)
    return `there is no step "${root}"; it is one of ${[...steps.map(({ id }) => id), ...QUOTE_WORDS].join(', ')}`;
  if (!ancestors(steps, step.id).has(root))
    return root === step.id
      ? 'a step cannot quote itself'
      : `${step.id} does not need ${root}, so ${root} may not be done by then: add it to needs`;
  if (field === undefined || !(STEP_FIELDS as readonly string[]).includes(field))
    return `a step has these fields: ${STEP_FIELDS.join(', ')}`;
  if (field === 'output') {
    if (source.output === undefined) return `${root} declares no output`;
    return hasPath(source.output, rest) ? undefined : `the output of ${root} has no ${rest.join('.')}`;
  }
  if (field === 'artifacts') {
    const [path = ''] = rest;
    if (source.artifacts?.includes(path)) return undefined;
    return `${root} declares ${source.artifacts ? `the artifacts ${source.artifacts.join(', ')}` : 'no artifacts'}`;
  }
  if (field === 'outcome') return outcomeProblem(source, rest);
  return rest.length === 0 ? undefined : `${field} has no parts`;
}

/** Why `path` cannot have a value in the outcome of a step that is done; undefined if it can. */
function outcomeProblem({ id, push }: CheckedStep, path: readonly string[]): string | undefined {
  const [part = '', ...rest] = path;
  if (part === 'artifacts') return `quote it by its path: {{${id}.artifacts.${rest.join('.') || '<path>'}}}`;
  if (UNSET_WHEN_DONE.includes(part)) return `a step that is done has no ${part}`;
  if (part === 'push' && push !== true) return `${id} does not push`;
  return hasPath(OUTCOME, path) ? undefined : `an outcome has no ${path.join('.') || 'such value'}`;
}
