/** Questions of a subagent to its main agent, and their answers. */
import { ApplicationFailure, condition } from '@temporalio/workflow';
import { answerRequest, type AnswerRequest, type Question } from '../src/contract/index.ts';

/** What a subagent is told where its main agent let the time for an answer pass. */
export const NO_ANSWER =
  'Nobody answered in time, and nobody will. Use your own judgement: take the choice that is easiest to undo, go on, and say in your report what you assumed.';

export class Questions {
  open: Question[] = [];
  #answers: { requestId: string; answer: string }[] = [];

  /** Opens the questions; from now on they can be answered. */
  ask(questions: readonly Omit<Question, 'at'>[]): void {
    const at = new Date().toISOString();
    this.#answers = [];
    this.open = questions.map((question) => ({ ...question, at }));
  }

  /**
   * Waits until every question has its answer: for days, across restarts, holding nothing but this workflow; at most
   * `timeoutMs` milliseconds where that is given. Then the rest is answered with `NO_ANSWER`, and `late` lists it.
   */
  async answered(timeoutMs?: number): Promise<{
    readonly answers: readonly { readonly requestId: string; readonly answer: string }[];
    readonly late: readonly Question[];
  }> {
    const allAnswered = (): boolean => this.open.length === 0;
    if (timeoutMs === undefined) await condition(allAnswered);
    else await condition(allAnswered, timeoutMs, { summary: 'until it goes on without an answer' });
    const late = this.open;
    this.open = [];
    this.#answers.push(...late.map(({ id }) => ({ requestId: id, answer: NO_ANSWER })));
    return { answers: this.#answers, late };
  }

  /** Checks a request. Throws `ApplicationFailure`, as an Update validator must. */
  parse(request: AnswerRequest): { question: Question; answer: string } {
    const parsed = answerRequest.safeParse(request);
    if (!parsed.success)
      throw ApplicationFailure.nonRetryable(parsed.error.issues[0]?.message ?? 'illegal answer', 'BAD_INPUT');
    const { questionId, answer } = parsed.data;
    const question = questionId === undefined ? this.open[0] : this.open.find(({ id }) => id === questionId);
    if (question) return { question, answer };
    // Not its words: errors are handed on as ours.
    const open = this.open.map(({ id }) => id).join(', ');
    throw ApplicationFailure.nonRetryable(
      open === '' ? 'no question is open' : `no question ${questionId}; open: ${open}`,
      'UNKNOWN_TARGET',
    );
  }

  /** Takes an answer; returns the id of the question it answers. */
  answer(request: AnswerRequest): string {
    const { question, answer } = this.parse(request);
    this.open = this.open.filter(({ id }) => id !== question.id);
    this.#answers.push({ requestId: question.id, answer });
    return question.id;
  }
}
