/**
 * Text about the final message for a step with `output`. Used in workflows, so this file imports nothing that compiles
 * a schema.
 */

/** Appended to the step's task. */
export function outputTask(schema: unknown): string {
  return [
    'Your final message is read by a program. It is one JSON value, bare or in one fenced ```json block, that is valid against this JSON schema:',
    `\`\`\`json\n${JSON.stringify(schema, null, 2)}\n\`\`\``,
  ].join('\n');
}

/** Appended to the prompt of later turns, such as repairs. */
export const OUTPUT_AGAIN = 'End with the complete JSON value again, in the form that the task asks for.';
