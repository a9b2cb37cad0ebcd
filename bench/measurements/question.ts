/**
 * Latencies of a question: from the model's call to its announcement here, from the answer to the model's next request,
 * and both.
 */
import { now } from '../clock.ts';
import { median, quantile, rounded } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { ASK } from '../tasks.ts';

export const questionRoundTrip: Measurement = {
  name: 'question-round-trip',
  defaultRuns: 20,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress });
    await rig.spawn({ label: 'asking', task: ASK });
    const subagent = rig.session.subagent('asking');
    const announced: number[] = [];
    const answered: number[] = [];
    for await (const { kind, label } of rig.session.announcements({ receiver: 'questions' })) {
      if (kind !== 'question' || label !== 'asking') continue;
      announced.push(now() - (rig.model.requests.at(-1)?.finishedAt ?? Number.NaN));
      const before = rig.model.requests.length;
      const began = now();
      await subagent.answer('Go on.');
      while (rig.model.requests.length === before) await new Promise((resolve) => setTimeout(resolve, 1));
      answered.push((rig.model.requests[before]?.receivedAt ?? Number.NaN) - began);
      if (answered.length === runs) break;
    }
    const both = announced.map((each, index) => each + (answered[index] ?? Number.NaN));
    return [
      { name: 'question-to-announcement-p50', unit: 'ms', value: rounded(median(announced)) },
      { name: 'answer-to-model-p50', unit: 'ms', value: rounded(median(answered)) },
      { name: 'question-round-trip-p50', unit: 'ms', value: rounded(median(both)) },
      { name: 'question-round-trip-p95', unit: 'ms', value: rounded(quantile(both, 0.95)) },
    ];
  },
};
