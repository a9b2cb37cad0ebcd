import { fenced } from '../fence.ts';
import { handlesOf, oneHandle, required } from '../targets.ts';
import type { Action } from './action.ts';
import { each } from './each.ts';

/** Sends a message into live subagents. */
export const steer: Action = async (context, { target, message }) => {
  const text = required(message, 'steer', 'what to tell it');
  const subagents = await context.connect();
  return await each(await handlesOf(context, subagents, 'steer', target), async (handle) => {
    const { id, delivery, at, during } = await handle.steer(text);
    return {
      view: {
        receipt: { id, delivery, at },
        ...(during !== undefined && { words: fenced('what it was at', 'the subagent', during, 300) }),
      },
    };
  });
};

/** Answers a question. */
export const answer: Action = async (context, { target, message, question }) => {
  const text = required(message, 'answer', 'the answer');
  const subagents = await context.connect();
  return await each([await oneHandle(context, subagents, 'answer', target)], async (handle) => {
    await handle.answer(text, { questionId: question });
    return { view: { answered: true } };
  });
};
