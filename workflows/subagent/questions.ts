/** A subagent's questions to its main agent, and their answers. */
import { condition, type ApplicationFailure } from '@temporalio/workflow';
import {
  answerRequest,
  byteLength,
  validate,
  firstProblem,
  MAX_WAITING_BYTES,
  oneLine,
  type AnswerReceipt,
  type AnswerRequest,
  type Question,
} from '../../src/contract/index.ts';
import { NO_ANSWER } from '../../src/prompts/index.ts';
import { refusal } from '../shared/failure.ts';

/** Answers that are remembered, so that a repeated answer is recognized. */
const REMEMBERED = 20;
const MAX_QUOTED_CHARS = 300;

/** An accepted answer. */
interface Answered {
  readonly question: Question;
  readonly answer: string;
  readonly requestId: string | undefined;
}

export class Questions {
  open: Question[] = [];
  /** Number of questions that the subagent last asked together. */
  #asked = 0;
  #answers: { requestId: string; answer: string }[] = [];
  /** Accepted answers of this and earlier turns, newest last. */
  #answered: Answered[] = [];

  /** Opens the questions; from now on they can be answered. */
  ask(questions: readonly Omit<Question, 'at'>[]): void {
    const at = new Date().toISOString();
    this.#answers = [];
    this.#asked = questions.length;
    this.open = questions.map((question) => ({ ...question, at }));
  }

  /**
   * Waits until every question is answered: for days, across restarts, holding only this workflow. After `timeoutMs`
   * milliseconds, if given, the open questions are answered with `NO_ANSWER` and returned as `late`.
   */
  async answered(timeoutMs?: number): Promise<{
    readonly answers: readonly { readonly requestId: string; readonly answer: string }[];
    readonly late: readonly Question[];
  }> {
    const allAnswered = (): boolean => this.open.length === 0;
    if (timeoutMs === undefined) await condition(allAnswered);
    else await condition(allAnswered, timeoutMs, { summary: 'until the subagent goes on without an answer' });
    const late = this.open;
    for (const question of late) this.#take({ question, answer: NO_ANSWER, requestId: undefined });
    return { answers: this.#answers, late };
  }

  /**
   * Finds the question that a request answers, or the equal answer that was accepted before (`repeated`). Throws
   * `ApplicationFailure`, as an Update validator must.
   */
  parse(request: AnswerRequest): Answered & { readonly repeated: boolean } {
    const parsed = validate(answerRequest, request);
    if (!parsed.success) throw refusal('BAD_INPUT', firstProblem(parsed.error));
    const { questionId, answer, requestId } = parsed.data;
    const same = this.#answered.find((one) => requestId !== undefined && one.requestId === requestId);
    if (same) return { ...same, repeated: true };
    const question = this.#questionOf(questionId);
    if (question) {
      this.#requireSpace(answer);
      return { question, answer, requestId, repeated: false };
    }
    const equal = this.#answered.findLast(
      (one) => one.answer === answer && (questionId ?? one.question.id) === one.question.id,
    );
    if (equal) return { ...equal, repeated: true };
    throw this.#unknown(questionId);
  }

  /** Accepts an answer. A repeated one has no further effect. */
  answer(request: AnswerRequest): AnswerReceipt {
    const { repeated, ...answered } = this.parse(request);
    if (!repeated) this.#take(answered);
    const { id: questionId, question } = answered.question;
    return { questionId, question, repeated, open: this.open };
  }

  /**
   * All answers of a turn are sent together, so they must fit into one message. Throws `ApplicationFailure` if they
   * would not.
   */
  #requireSpace(answer: string): void {
    const given = [...this.#answers.map((one) => one.answer), answer];
    if (byteLength(JSON.stringify(given)) <= MAX_WAITING_BYTES) return;
    throw refusal(
      'LIMIT',
      `the answers to all questions of one turn together may have at most ${MAX_WAITING_BYTES / 1024} KiB`,
      'put the material into a file and name the file',
    );
  }

  #take(answered: Answered): void {
    const { id } = answered.question;
    this.open = this.open.filter((question) => question.id !== id);
    this.#answers.push({ requestId: id, answer: answered.answer });
    this.#answered = [...this.#answered, answered].slice(-REMEMBERED);
  }

  /** The open question of that id; without an id, the only question that the turn asked. */
  #questionOf(questionId: string | undefined): Question | undefined {
    if (questionId !== undefined) return this.open.find(({ id }) => id === questionId);
    // If the turn asked several, an answer without an id is ambiguous even when only one question is still open.
    if (this.#asked < 2 || this.open.length === 0) return this.open[0];
    throw refusal(
      'WHICH_QUESTION',
      `${this.open.length === 1 ? 'one of several questions is' : `${this.open.length} questions are`} open, and the answer does not name one: ${this.#listed}`,
      'name the question by its id (-q <id>)',
    );
  }

  get #listed(): string {
    return this.open
      .map(({ id, question }) => `${id}: ${JSON.stringify(oneLine(question, MAX_QUOTED_CHARS))}`)
      .join('; ');
  }

  #unknown(questionId: string | undefined): ApplicationFailure {
    const before = this.#answered.findLast(
      ({ question }) => questionId === undefined || question.id === questionId,
    );
    if (before) {
      const { question, answer } = before;
      return refusal(
        'ALREADY_ANSWERED',
        `the question ${question.id} was already answered with ${JSON.stringify(oneLine(answer, MAX_QUOTED_CHARS))}`,
        'to change the answer, steer the subagent',
      );
    }
    const open = this.open.length === 0 ? 'no question is open' : `the open questions are ${this.#listed}`;
    return refusal(
      // The message quotes questions, so it has its own code, by which their text is fenced.
      this.open.length === 0 ? 'UNKNOWN_TARGET' : 'WHICH_QUESTION',
      questionId === undefined ? open : `there is no question ${questionId}; ${open}`,
    );
  }
}
