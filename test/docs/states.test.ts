import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { stateDiagram, status, TRANSITIONS } from '../../src/contract/index.ts';

const page = readFileSync(fileURLToPath(new URL('../../docs/states.md', import.meta.url)), 'utf8');

it('the diagram of states is the one that the code has', () => {
  const [, drawn] = /^```mermaid\n(.*?)\n```$/ms.exec(page) ?? [];
  expect(drawn).toBe(stateDiagram());
});

it('every state can be reached, and left or is an end', () => {
  const reached = new Set<string>(['queued', 'lost', ...TRANSITIONS.map(({ to }) => to)]);
  expect(status.options.flatMap((part) => part.options).filter((each) => !reached.has(each))).toEqual([]);
});
