/** The published JSON Schema of `.subagents.json` says what the code accepts: `npx vitest run test/contract -u` writes it. */
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { repositorySettings } from '../../src/contract/index.ts';

const FILE = fileURLToPath(new URL('../../subagents.schema.json', import.meta.url));

it('subagents.schema.json is what the code accepts', async () => {
  const schema = z.toJSONSchema(repositorySettings, { io: 'input' });
  const text = await format(JSON.stringify({ title: '.subagents.json', ...schema }), {
    ...(await resolveConfig(FILE)),
    parser: 'json',
  });
  await expect(text).toMatchFileSnapshot(FILE);
});
