/** The data of a report: which schemas are taken, which reports fit, and what of it can be quoted. */
import { describe, expect, it } from 'vitest';
import { checkChain } from '../../src/chain/check.ts';
import { readChain } from '../../src/chain/file.ts';
import { readOutput, schemaProblem } from '../../src/chain/output.ts';
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

describe('a schema', () => {
  it.each([
    [FILES],
    [{ type: ['string', 'null'], minLength: 1 }],
    [{ anyOf: [{ type: 'string' }, { type: 'object', additionalProperties: { type: 'number' } }] }],
    [{ $ref: '#/$defs/node', $defs: { node: { type: 'array', items: { $ref: '#/$defs/node' } } } }],
    [{}],
  ])('%j is taken', (schema) => expect(schemaProblem(schema)).toBeUndefined());

  it.each([
    [{ type: 'strng' }, 'no type "strng"'],
    [{ properties: { a: { type: 'string' } } }, '"properties" needs "type": "object"'],
    [{ type: 'object', properties: { a: { not: {} } } }, 'a: "not" is not supported'],
    [{ type: 'object', required: ['b'] }, '"b" is required'],
    [{ type: 'object', anyOf: [{ type: 'object' }] }, 'goes unheard beside "anyOf"'],
    [{ type: 'string', pattern: '(' }, 'regular expression'],
    [{ type: 'string', format: 'email' }, '"format" is not supported'],
    [{ $ref: '#/$defs/none' }, 'not found'],
    [{ const: { a: 1 } }, '"const" takes'],
    [{ constructor: {} }, '"constructor" is not supported'],
    [{ type: 'array', minItems: '2' }, 'takes a number'],
  ])('%j is refused, since it would not be kept to', (schema, message) =>
    expect(schemaProblem(schema)).toContain(message),
  );

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
    ['', 'no JSON'],
    ['All is well.', 'no JSON'],
    ['```json\n{"files":[]}\n```\n```json\n{"files":[]}\n```', '2 fenced json blocks'],
    ['```json\n{"files":[}\n```', 'cannot be read'],
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

  it('keeps what it said: nothing is filled in, and nothing taken out', () => {
    const said = '{"a":{"__proto__":{"b":1}}}';
    const read = readOutput(said, { type: 'object', properties: { c: { type: 'string', default: 'd' } } });
    expect('value' in read && JSON.stringify(read.value)).toBe(said);
  });
});
