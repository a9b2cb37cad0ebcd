/** What we write as a configuration file is what git reads. */
import fc from 'fast-check';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { configurationText } from '../../src/git/trust/configuration-text.ts';

/** A text as git takes it: any but NUL, and no half of a pair of surrogates. */
const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'));
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const key = fc
  .tuple(name, fc.option(text.filter((value) => !value.includes('\n'))), name)
  .map(([section, subsection, variable]) =>
    [section, ...(subsection === null ? [] : [subsection]), variable].join('.'),
  );

it('is read by git as it was given', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(key, text), { maxLength: 6 }), async (settings) => {
      const args = ['config', '--file', '-', '--list', '-z'];
      const { stdout } = await execa('git', args, {
        input: configurationText(settings),
        stripFinalNewline: false,
      });
      expect(stdout).toBe(settings.map(([each, value]) => `${each}\n${value}\0`).join(''));
    }),
    { numRuns: 60 },
  );
});
