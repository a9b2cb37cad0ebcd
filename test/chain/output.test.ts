/** The data of a report: which schemas are taken, which reports fit, and what of it can be quoted. */
import { describe, expect, it } from 'vitest';
import { checkChain } from '../../src/chain/check.ts';
import { readChain } from '../../src/chain/file.ts';
import { schemaProblem } from '../../src/chain/output-schema.ts';
import { readOutput } from '../../src/chain/output.ts';
import { chainSpec, MAX_OUTPUT_BYTES } from '../../src/contract/index.ts';

const FILES = {
  type: 'object',
  properties: {
    files: { type: 'array', items: { type: 'string' }, description: 'paths', default: [] },
    level: { enum: ['low', 'high'] },
  },
  required: ['files'],
  additionalProperties: false,
};

const list = (of: unknown) => ({ type: 'array', items: of });

describe('a schema', () => {
  it.each([
    [FILES],
    [{ type: ['string', 'null'], minLength: 1 }],
    [{ anyOf: [{ type: 'string' }, { type: 'object', additionalProperties: { type: 'number' } }] }],
    [{ type: 'array', items: { $ref: '#/$defs/node' }, $defs: { node: { type: 'string' } } }],
    [{ type: 'string', pattern: '^([a-z]+/?)+\\.ts$' }],
    [{ type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}[\\-T ]\\p{L}+\\/[^]*$' }],
    [{}],
  ])('%j is taken', (schema) => expect(schemaProblem(schema)).toBeUndefined());

  it.each([
    [{ type: 'strng' }, 'no type "strng"'],
    [{ properties: { a: { type: 'string' } } }, '"properties" needs "type": "object"'],
    [{ type: 'object', properties: { a: { not: {} } } }, 'a: "not" is not supported'],
    [{ type: 'object', required: ['b'] }, '"b" is required'],
    [{ type: 'object', anyOf: [{ type: 'object' }] }, 'has no effect next to "anyOf"'],
    [{ type: 'string', pattern: '(' }, 'regular expression'],
    [{ type: 'string', format: 'email' }, '"format" is not supported'],
    [{ $ref: '#/$defs/none' }, 'not found'],
    [{ const: { a: 1 } }, '"const" takes'],
    [{ constructor: {} }, '"constructor" is not supported'],
    [{ type: 'array', minItems: '2' }, 'takes a number'],
    [{ type: 'array', minItems: -1 }, '"minItems" takes a whole number from 0'],
    [{ type: 'string', maxLength: 1.5 }, '"maxLength" takes a whole number from 0'],
    [{ type: 'number', multipleOf: 0 }, '"multipleOf" takes a number above 0'],
    [{ type: 'array', minItems: 2, maxItems: 1 }, 'no value can satisfy both'],
    [{ enum: [] }, '"enum" is a list'],
    [{ type: [] }, '"type" is a type'],
    [{ type: 'object', properties: { a: {} }, required: 'a' }, '"required" is a list'],
  ])('%j is refused, since it would not be kept to', (schema, message) =>
    expect(schemaProblem(schema)).toContain(message),
  );

  const nested = (levels: number) =>
    Array.from({ length: levels }).reduce<unknown>((inner) => list(inner), {});
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`p${at}`, { type: 'string' }]));
  const doubling = Object.fromEntries(
    Array.from({ length: 14 }, (_, at) => {
      const next = { $ref: `#/$defs/d${at + 1}` };
      return [`d${at}`, at === 13 ? {} : { anyOf: [next, next] }];
    }),
  );
  it.each([
    ['recursive', { $ref: '#/$defs/n', $defs: { n: list({ $ref: '#/$defs/n' }) } }, 'recursive'],
    [
      'recursive in a circle',
      { $ref: '#/$defs/a', $defs: { a: list({ $ref: '#/$defs/b' }), b: list({ $ref: '#/$defs/a' }) } },
      'recursive',
    ],
    ['recursive, and named by nothing', { type: 'string', $defs: { n: { $ref: '#/$defs/n' } } }, 'recursive'],
    ['its own root', list({ $ref: '#' }), 'not found'],
    ['of 20,000 properties', { type: 'object', properties: many }, 'more than 1000 subschemas'],
    ['of twice as much at each level', { $ref: '#/$defs/d0', $defs: doubling }, 'more than 1000 subschemas'],
    ['of many levels', nested(50_000), 'more than 32 levels'],
    [
      'with look-ahead',
      { type: 'string', pattern: '^(?=a)a$' },
      'look-ahead is not supported in a pattern: (?=',
    ],
    [
      'with negative look-ahead',
      { type: 'string', pattern: '^(?!a)' },
      'look-ahead is not supported in a pattern: (?!',
    ],
    [
      'with look-behind',
      { type: 'string', pattern: '(?<=a)b' },
      'look-behind is not supported in a pattern: (?<=',
    ],
    [
      'with a back-reference',
      { type: 'string', pattern: '(a)\\1' },
      'a back-reference is not supported in a pattern: \\1',
    ],
    ['with a named one', { type: 'string', pattern: '(?<x>a)\\k<x>' }, 'a named back-reference'],
    [
      'with a long repeat',
      { type: 'string', pattern: 'a{1001}' },
      'a repeat over 1,000 is not supported in a pattern: {1001}',
    ],
    ['with a repeat that is longer still', { type: 'string', pattern: 'a{2,90000}' }, '{2,90000}'],
    ['with nested repeats', { type: 'string', pattern: '(a{60}){60}' }, 'a repeat over 1,000'],
    ['with a large pattern', { type: 'string', pattern: 'x{1000}'.repeat(50) }, 'too large'],
    ['with a large group', { type: 'string', pattern: `(${'x'.repeat(900)}){900}` }, 'too large'],
    [
      'with many large patterns',
      { anyOf: Array.from({ length: 99 }, () => ({ type: 'string', pattern: 'x{900}' })) },
      'too large',
    ],
    ['with a long pattern', { type: 'string', pattern: 'x'.repeat(2_000) }, 'at most 1000 characters'],
    ['with half a surrogate', { type: 'string', pattern: '\\ud83d\\ude00' }, 'a lone surrogate'],
  ])('that is %s is refused at once', (_, schema, message) => {
    const before = performance.now();
    expect(schemaProblem(schema)).toMatch(new RegExp(message.replaceAll(/[\\(){}?|]/g, '\\$&')));
    // Milliseconds; what it guards against takes minutes.
    expect(performance.now() - before).toBeLessThan(10_000);
  });

  it('is checked with its chain, in its place', () => {
    const file =
      'label: c\nsteps:\n  - id: a\n    task: t\n    output: { type: strng }\n  - id: b\n    task: t\n';
    expect(readChain(file).problems).toEqual([
      { message: 'the schema: there is no type "strng"', line: 5, column: 5 },
    ]);
  });

  it.each([
    ['{{a.output.files.0}} {{a.output}}', undefined],
    ['{{a.output.files.name}}', 'the output of a has no files.name'],
    ['{{a.output.file}}', 'the output of a has no file'],
    ['{{b.output.files}}', 'b declares no output'],
    ['{{a.output.level.deep}}', 'the output of a has no level.deep'],
  ])('says what %s can stand for', (task, message) => {
    const steps = [
      { id: 'a', task: 't', output: FILES },
      { id: 'b', task: 't' },
      { id: 'c', task },
      { id: 'd', task: '{{item}}', needs: ['a'], forEach: 'a.output.files' },
    ];
    const [problem] = checkChain(chainSpec.parse({ label: 'c', steps }));
    if (message === undefined) expect(problem).toBeUndefined();
    else expect(problem?.message).toContain(message);
  });
});

describe('artifacts of a step', () => {
  it.each([
    [{}, '{{a.artifacts.docs/plan.v1.md}}', undefined],
    [{}, '{{a.artifacts.plan.md}}', 'a declares the artifacts docs/plan.v1.md'],
    [{}, '{{a.artifacts}}', 'a declares the artifacts'],
    [{}, '{{b.artifacts.x}}', 'b declares no artifacts'],
    [{ artifacts: ['x', 'y', 'x'] }, 't', 'x is named twice'],
    [{ forEach: 'z.outcome.notes', needs: 'z' }, 't', 'a step with forEach'],
  ])('with %j and %s', (more, task, message) => {
    const steps = [
      { id: 'z', task: 't' },
      { id: 'a', task: 't', artifacts: ['docs/plan.v1.md'], ...more },
      { id: 'b', task: 't' },
      { id: 'c', task },
    ];
    const [problem] = checkChain(chainSpec.parse({ label: 'c', steps }));
    if (message === undefined) expect(problem).toBeUndefined();
    else expect(problem?.message).toContain(message);
  });
});

describe('a report', () => {
  it.each([
    ['{"files":["a"]}'],
    ['\n {"files": ["a"]}\n'],
    ['Look:\n```json\n{"files":["a"]}\n```\nThat is all.'],
    ['```sh\nls\n```\n\n```JSON\r\n{"files":["a"]}\r\n```'],
    ['{"files":["a"], "level": "low"}'],
  ])('%j is data', (report) => expect(readOutput(report, FILES)).toMatchObject({ value: { files: ['a'] } }));

  it.each([
    ['', 'not JSON'],
    ['All is well.', 'not JSON'],
    ['```json\n{"files":[]}\n```\n```json\n{"files":[]}\n```', '2 fenced json blocks'],
    ['```json\n{"files":[}\n```', 'its JSON cannot be parsed'],
    ['{}', 'files: '],
    ['{"files":["a",1]}', 'files.1: '],
    ['{"files":[],"more":1}', 'more'],
    ['{"files":[],"level":"none"}', 'level: '],
    [`{"files":[${'['.repeat(9000)}${']'.repeat(9000)}]}`, 'levels'],
    [`["${'x'.repeat(MAX_OUTPUT_BYTES)}"]`, 'larger than'],
  ])('%.80j is none', (report, message) => {
    const read = readOutput(report, FILES);
    expect(read).toMatchObject({ problem: expect.stringContaining(message) as string });
  });

  it.each([
    ['^(a+)+$', `${'a'.repeat(60_000)}!`, '"^(a+)+$"'],
    ['^([a-z]+/?)+\\.ts$', 'src/components/navigation/sidebar/index.tsx', 'pattern'],
    ['(.*)(.*)(.*)(.*)(.*)x$', 'y'.repeat(60_000), 'pattern'],
  ])('that a pattern such as %s does not fit is refused at once', (pattern, text, message) => {
    const read = readOutput(JSON.stringify(text), { type: 'string', pattern });
    expect(read).toMatchObject({ problem: expect.stringContaining(message) as string });
  });

  it.each([
    [
      { type: 'array', uniqueItems: true },
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      'must not have duplicate items',
    ],
    [{ type: 'array', uniqueItems: true }, [{ a: 1 }, [['a', 1]], [1, 2], [2, 1], '1', 1], undefined],
    [{ type: 'number', multipleOf: 0.1 }, 0.3, undefined],
    [{ type: ['string', 'null'], minLength: 2 }, null, undefined],
    [{ type: ['string', 'null'], minLength: 2 }, 'a', 'the value: '],
    [{ anyOf: [{ type: 'string' }, list({ type: 'number' })] }, [1, 'a'], '1: '],
    [
      { type: 'object', properties: { constructor: {} }, required: ['constructor'] },
      {},
      'constructor: is missing',
    ],
    [
      { type: 'object', additionalProperties: { $ref: '#/$defs/n' }, $defs: { n: { enum: [1, 'b'] } } },
      { a: 2 },
      'a: must be one of [1,"b"]',
    ],
    [{ type: 'string', pattern: '^\\p{Lu}\\u00e9.$' }, 'Éé😀', undefined],
  ])('is held to %j: %j', (schema, value, message) => {
    const read = readOutput(JSON.stringify(value), schema);
    if (message === undefined) expect(read).toEqual({ value });
    else expect(read).toMatchObject({ problem: expect.stringContaining(message) as string });
  });

  it('of many blocks that never end, or of lists of the same, is read at once', () => {
    const before = performance.now();
    expect(readOutput('```json\n'.repeat(8_000), {})).toHaveProperty('problem');
    expect(readOutput(`[${'{},'.repeat(20_000)}{}]`, { type: 'array', uniqueItems: true })).toHaveProperty(
      'problem',
    );
    expect(performance.now() - before).toBeLessThan(10_000);
  });

  it('keeps what it said: nothing is filled in, and nothing taken out', () => {
    const said = '{"a":{"__proto__":{"b":1}}}';
    const read = readOutput(said, { type: 'object', properties: { c: { type: 'string', default: 'd' } } });
    expect('value' in read && JSON.stringify(read.value)).toBe(said);
  });
});
