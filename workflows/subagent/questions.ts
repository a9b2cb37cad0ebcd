/** Questions of a subagent to its main agent, and their answers. */
import { ApplicationFailure, condition } from '@temporalio/workflow';
import {
  answerRequest,
  byteLength,
  check,
  firstProblem,
  MAX_WAITING_BYTES,
  oneLine,
  type AnswerReceipt,
  type AnswerRequest,
  type Question,
} from '../../src/contract/index.ts';

/** What a subagent is told where its main agent let the time for an answer pass. */
const NO_ANSWER =
  'Nobody answered in time, and nobody will. Use your own judgement: take the choice that is easiest to undo, go on, and say in your report what you assumed.';

/** Answers that are remembered, so that one that is given again is known. */
const REMEMBERED = 20;
const MAX_QUOTED_CHARS = 300;

/** An answer that was taken. */
interface Answered {
  readonly question: Question;
  readonly answer: string;
  readonly requestId: string | undefined;
}

export class Questions {
  open: Question[] = [];
  /** How many the subagent asked together the last time. */
  #asked = 0;
  #answers: { requestId: string; answer: string }[] = [];
  /** Newest last, also of turns before. */
  #answered: Answered[] = [];

  /** Opens the questions; from now on they can be answered. */
  ask(questions: readonly Omit<Question, 'at'>[]): void {
    const at = new Date().toISOString();
    this.#answers = [];
    this.#asked = questions.length;
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
    for (const question of late) this.#take({ question, answer: NO_ANSWER, requestId: undefined });
    return { answers: this.#answers, late };
  }

  /**
   * Finds the question that a request answers; one that has this very answer already, too. Throws `ApplicationFailure`, as an
   * Update validator must.
   */
  parse(request: AnswerRequest): Answered & { readonly repeated: boolean } {
    const parsed = check(answerRequest, request);
    if (!parsed.success) throw refused(firstProblem(parsed.error), 'BAD_INPUT');
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

  /** Takes an answer; one that was given before has no further effect. */
  answer(request: AnswerRequest): AnswerReceipt {
    const { repeated, ...answered } = this.parse(request);
    if (!repeated) this.#take(answered);
    const { id: questionId, question } = answered.question;
    return { questionId, question, repeated, open: this.open };
  }

  /** All answers of a turn travel together. */
  #requireSpace(answer: string): void {
    const given = [...this.#answers.map((one) => one.answer), answer];
    if (byteLength(JSON.stringify(given)) <= MAX_WAITING_BYTES) return;
    throw refused(
      `the answers to the questions of one turn may have ${MAX_WAITING_BYTES / 1024} KiB together`,
      'LIMIT',
      'put the material in a file and name it',
    );
  }

  #take(answered: Answered): void {
    const { id } = answered.question;
    this.open = this.open.filter((question) => question.id !== id);
    this.#answers.push({ requestId: id, answer: answered.answer });
    this.#answered = [...this.#answered, answered].slice(-REMEMBERED);
  }

  /** The open question of that id; without one, that which its turn asked alone. */
  #questionOf(questionId: string | undefined): Question | undefined {
    if (questionId !== undefined) return this.open.find(({ id }) => id === questionId);
    // Once some of several are answered, an answer without a name may be meant for any of them still.
    if (this.#asked < 2 || this.open.length === 0) return this.open[0];
    throw refused(
      `${this.open.length === 1 ? 'one of several questions is' : `${this.open.length} questions are`} open, and the answer does not say which it is for: ${this.#listed}`,
      'WHICH_QUESTION',
      'name the question by its id',
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
      return refused(
        `the question ${question.id} was answered already, with ${JSON.stringify(oneLine(answer, MAX_QUOTED_CHARS))}`,
        'ALREADY_ANSWERED',
        'steer it, where it is to do otherwise',
      );
    }
    const open = this.open.length === 0 ? 'no question is open' : `open are ${this.#listed}`;
    return refused(
      questionId === undefined ? open : `there is no question ${questionId}; ${open}`,
      // What quotes a question has a code of its own, by which its words are fenced.
      this.open.length === 0 ? 'UNKNOWN_TARGET' : 'WHICH_QUESTION',
    );
  }
}

const refused = (message: string, code: string, remedy?: string): ApplicationFailure =>
  ApplicationFailure.create({
    message,
    type: code,
    nonRetryable: true,
    ...(remedy !== undefined && { details: [{ remedy }] }),
  });
