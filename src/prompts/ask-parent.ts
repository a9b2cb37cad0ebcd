/** The tool with which a subagent asks its main agent, and what it is answered. */

/**
 * The name of the tool by which a subagent asks its main agent. The tool has no handler, so the call stays open until
 * it is answered.
 */
export const ASK_PARENT = 'ask_parent';

/** The description of the tool `ask_parent` that the model reads. */
export const ASK_PARENT_DESCRIPTION =
  'Asks the main agent that gave you the task, and waits for the answer, which may take hours. Use it only if you cannot continue without the answer: for a decision that is not yours to make, or for missing material. Include what you have found out so far.';

/** The descriptions of its arguments. */
export const ASK_PARENT_ARGUMENTS = {
  question: 'what you need to know, and what you have found out so far',
  choices: 'possible answers, if there are only a few',
} as const;

/** The answer to one of Copilot's own sub-agents that calls it; the runtime offers them the tool too. */
export const ASKED_BY_SUB_AGENT =
  'Only the main agent loop can ask. Put what you need to know, and what you have found out so far, into your result.';

/** The answer a subagent gets when its main agent does not answer in time. */
export const NO_ANSWER =
  'Nobody answered in time, and nobody will. Use your own judgement: make the choice that is easiest to undo, continue, and say in your report what you assumed.';

/** The answers as a message, for calls that were closed meanwhile. */
export const answersText = (answers: readonly { readonly answer: string }[]): string =>
  ['The main agent answers:', ...answers.map(({ answer }) => answer)].join('\n\n');
