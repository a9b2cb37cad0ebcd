/** Lines in brackets that open our messages, by which Copilot's event log is searched for them. */

/**
 * The first line of the prompt that opens turn `turn`. A resumed turn finds its prompt in Copilot's event log by it.
 */
export const turnMarker = (subagent: { label: string; run: number }, turn: number): string =>
  `[subagent ${subagent.label}@${subagent.run}, turn ${turn}]`;
/** Whether `line` is the first line of the prompt that opened some run's first turn. */
export const opensRun = (line: string): boolean => /^\[subagent \S+@\d+, turn 1\]$/.test(line);

/**
 * First line of the message that tells a resumed turn what it cannot know: lost commands, results of ended calls,
 * answers.
 */
export function resumedMarker(turnMarker: string): string {
  return turnMarker.replace(/\]$/, ', resumed]');
}

/** The first line of a steer. The steer is found in Copilot's event log by it. */
export const steerMarker = (steerId: string): string => `[message from the main agent, ${steerId}]`;

/** The marker line above a call's result in a message. Encoded, because the provider may choose any text as the id. */
export const resultMarker = (toolCallId: string): string => `[result of ${encodeURIComponent(toolCallId)}]`;
