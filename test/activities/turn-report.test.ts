/** The last message of a turn, where it is not what its model meant to say. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ending } from '../support/model.ts';
import { bash, on, TurnBench } from '../support/turns.ts';

let bench: TurnBench;
beforeAll(async () => {
  bench = await TurnBench.start([
    on('cut', [bash('true'), ending('length', 'I have begun to')]),
    on('speechless', [bash('true'), ending('length', '')]),
    on('silent', [bash('true'), { text: '' }]),
  ]);
});
afterAll(() => bench.close());

it('that the output limit has cut off is told as such, also where only the log is left of it', async () => {
  const at = await bench.subagent('cut');
  const cut = { kind: 'finished', report: 'I have begun to', cut: true };
  expect(await bench.run(at).result).toMatchObject(cut);
  await bench.restart();
  expect(await bench.run({ ...at, lostBefore: 1 }).result).toMatchObject(cut);
});

it('may be empty, because of that or by itself', async () => {
  const [speechless, silent] = await Promise.all(
    ['speechless', 'silent'].map(async (name) => bench.run(await bench.subagent(name)).result),
  );
  expect(speechless).toMatchObject({ kind: 'finished', report: '', cut: true });
  expect(silent).toMatchObject({ kind: 'finished', report: '', cut: false });
});
