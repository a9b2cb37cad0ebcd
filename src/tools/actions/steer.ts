import { sanitizedLine } from '../../contract/index.ts';
import { fenced } from '../fence.ts';
import { handlesOf, oneHandle, required } from '../targets.ts';
import type { Action } from './action.ts';
import { forEachTarget } from './each.ts';

/** Sends a message into live subagents. */
export const steerAction: Action = async (context, { target, message, requestId }) => {
  const text = required(message, 'steer', 'the message');
  const subagents = await context.connect();
  return await forEachTarget(await handlesOf(context, subagents, 'steer', target), async (handle) => {
    const { id, delivery, at, during } = await handle.steer(text, { id: requestId });
    return {
      view: {
        receipt: { id, delivery, at },
        ...(during !== undefined && { words: fenced('what it was doing', 'the subagent', during, 300) }),
      },
    };
  });
};

/** Answers a question of a subagent. */
export const answerAction: Action = async (context, { target, message, question, requestId }) => {
  const text = required(message, 'answer', 'the answer');
  const subagents = await context.connect();
  return await forEachTarget([await oneHandle(context, subagents, 'answer', target)], async (handle) => {
    const receipt = await handle.answer(text, { questionId: question, requestId });
    const { questionId, repeated, open } = receipt;
    const words = [
      fenced('the answered question', 'the subagent', receipt.question, 1_000),
      ...open.map(({ id, question: words }) =>
        fenced(`question ${sanitizedLine(id, 100)}, still open`, 'the subagent', words, 1_000),
      ),
    ];
    return {
      view: {
        answered: true,
        answeredQuestion: sanitizedLine(questionId, 100),
        ...(repeated && { repeated }),
        questions: open.map(({ id }) => sanitizedLine(id, 100)),
        words: words.join('\n'),
      },
    };
  });
};
