/** Questions of a subagent to its main agent, and their answers. */
import { ApplicationFailure, condition } from '@temporalio/workflow';
import { answerRequest, oneLine, type AnswerRequest, type Question } from '../src/contract/index.ts';

export class Questions {
  open: Question[] = [];
  #answers: { requestId: string; answer: string }[] = [];

  /** Asks, and waits until every question has its answer: for days, across restarts, holding nothing but this workflow. */
  async ask(
    questions: readonly Omit<Question, 'at'>[],
  ): Promise<readonly { requestId: string; answer: string }[]> {
    const at = new Date().toISOString();
    this.#answers = [];
    this.open = questions.map((question) => ({ ...question, at }));
    await condition(() => this.open.length === 0);
    return this.#answers;
  }

  /** Checks a request. Throws `ApplicationFailure`, as an Update validator must. */
  parse(request: AnswerRequest): { question: Question; answer: string } {
    const parsed = answerRequest.safeParse(request);
    if (!parsed.success)
      throw ApplicationFailure.nonRetryable(parsed.error.issues[0]?.message ?? 'illegal answer', 'BAD_INPUT');
    const { questionId, answer } = parsed.data;
    const question = questionId === undefined ? this.open[0] : this.open.find(({ id }) => id === questionId);
    if (question) return { question, answer };
    const open = this.open.map(({ id, question }) => `${id} (${oneLine(question, 60)})`).join(', ');
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
