/** The shapes of repositories, each from spawn to outcome: the table of docs/repositories.md is made of these cases. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { ADD_A_FILE, REPOSITORY_SHAPES, tryShape } from '../support/repository-shapes.ts';

const DOCS = fileURLToPath(new URL('../../docs/repositories.md', import.meta.url));

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet([ADD_A_FILE]);
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

describe('a repository', () => {
  it.concurrent.for(REPOSITORY_SHAPES)('$name', (shape) => tryShape(subagents.session('shapes'), shape));

  it('is of one of the shapes in docs/repositories.md', async () => {
    const rows = REPOSITORY_SHAPES.map(({ name, refused, failed, seen }) => {
      const says = (refused ?? failed)?.source.replace(/\\/g, '').replace(/\$$/, '') ?? '';
      const result = refused
        ? `refused: \`… ${says}\``
        : failed
          ? `fails before its first turn: \`… ${says}\``
          : `works${seen === undefined ? '' : `; ${seen}`}`;
      return `| ${name} | ${result} |`;
    });
    expect(await readFile(DOCS, 'utf8')).toContain(
      ['| shape | result |', '|---|---|', ...rows, ''].join('\n'),
    );
  });
});
