/** The published JSON Schemas say what the code accepts: `npx vitest run test/contract -u` writes them. */
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { byteLength, chainSpec, repositorySettings } from '../../src/contract/index.ts';

const fileOf = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

it.each([
  ['subagents.schema.json', '.subagents.json', repositorySettings],
  ['subagents-chain.schema.json', 'a chain of subagents', chainSpec],
])('%s is what the code accepts', async (name, title, accepted) => {
  const file = fileOf(name);
  const schema = z.toJSONSchema(accepted, { io: 'input' });
  const text = await format(JSON.stringify({ title, ...schema }), {
    ...(await resolveConfig(file)),
    parser: 'json',
  });
  await expect(text).toMatchFileSnapshot(file);
});

it.each(['', 'plain', 'größer', '한국어', '😀 and \uD83D alone, \uDE00 too', '\u07FF\u0800\uFFFF'])(
  'counts the bytes of %j',
  (text) => expect(byteLength(text)).toBe(Buffer.byteLength(text)),
);
