/** Where key rings are read from, and how a process follows its source. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keySourceOf, readRing } from '../../src/keys/key-source.ts';
import { newRing, ringText, withCurrent, withNewKey, withoutKey } from '../../src/keys/key-ring.ts';
import { Keys } from '../../src/keys/keys.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';

const ring = newRing('refused');
const text = ringText(ring);

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder?.[Symbol.asyncDispose]());

function file(name: string, content: string, mode = 0o600): string {
  const path = join(folder.path, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}
const sourceOf = (
  value: string | undefined,
  more: Record<string, string> = {},
  server: 'own' | 'other' = 'own',
) => keySourceOf(folder.path, { ...more, ...(value !== undefined && { SUBAGENTS_KEYS: value }) }, server);

describe('the source', () => {
  it('is the ring of the home for its own server alone, where there is one', () => {
    expect(sourceOf(undefined)).toBeUndefined();
    const path = file('keys.json', text);
    expect(sourceOf(undefined)).toEqual({ kind: 'file', path });
    expect(sourceOf(undefined, {}, 'other')).toBeUndefined();
    expect(sourceOf('home', {}, 'other')).toEqual({ kind: 'file', path });
    expect(sourceOf('off')).toBeUndefined();
  });

  it.each(['on', 'file:', 'env:', 'https://x', '{"format":1}'])('is refused where it is %s', (value) => {
    expect(() => sourceOf(value)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });

  it('may be a file, a variable or what a command prints', async () => {
    const path = file('team.json', text);
    const env = { PATH: process.env['PATH'] ?? '', RING: text };
    for (const value of [`file:${path}`, 'env:RING', `command:cat '${path}'`])
      expect(await readRing(sourceOf(value, env)!), value).toEqual(ring);
  });

  it('says what is wrong with it, and no secret', async () => {
    const env = { PATH: process.env['PATH'] ?? '' };
    const wrong = {
      [`file:${join(folder.path, 'none')}`]: /no such file/,
      [`file:${file('open.json', text, 0o644)}`]: /others may read/,
      [`file:${file('torn.json', text.slice(0, -10))}`]: /no key ring \(it is no JSON\)/,
      'env:NOTHING': /not set/,
      'command:echo locked >&2; exit 3': /the command echo: exit code 3: locked/,
      'command:echo': /no key ring/,
    };
    for (const [value, message] of Object.entries(wrong)) {
      const error = (await readRing(sourceOf(value, env)!).catch((thrown: unknown) => thrown)) as Error;
      expect(error, value).toMatchObject({
        code: 'KEYS_UNREADABLE',
        message: expect.stringMatching(message) as string,
      });
      expect(error.message).not.toContain(ring.mark);
    }
  });
});

describe('the keys of a process', () => {
  it('follow a rotation by another process, and a key that is missing is told from a stranger’s', async () => {
    const path = file('rotated.json', text);
    const keys = await Keys.read({ kind: 'file', path });
    const { ring: more, id } = withNewKey(ring);
    expect(await keys.find(id)).toBe('missing');
    expect(await keys.find(newRing('refused').current)).toBe('foreign');
    file('rotated.json', ringText(more));
    expect(await eventually(async () => typeof (await keys.find(id)) === 'object')).toBe(true);
    expect((await keys.current()).id).toBe(ring.current);
    file('rotated.json', ringText(withCurrent(more, id)));
    await eventually(async () => (await keys.current()).id === id);
    expect(await keys.find(ring.current)).toMatchObject({ id: ring.current });
  });

  it('still work while their source is broken, and never become those of another ring', async () => {
    const path = file('broken.json', text);
    const keys = await Keys.read({ kind: 'file', path });
    const { ring: more, id } = withNewKey(ring);
    for (const content of ['{', ringText(newRing('refused'))]) {
      file('broken.json', content);
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      expect((await keys.current()).id).toBe(ring.current);
      expect(await keys.find(id)).toBe('missing');
    }
    file('broken.json', ringText(withoutKey(withCurrent(more, id), ring.current)));
    await eventually(async () => (await keys.current()).id === id);
  });
});
