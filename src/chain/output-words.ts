/** What a step with `output` is told of its final message. Used in workflows: nothing that compiles a schema is imported here. */

/** After its task. */
export function outputTask(schema: unknown): string {
  return [
    'Your final message is read by a program. It is one JSON value, bare or in one fenced ```json block, that fits this JSON schema:',
    `\`\`\`json\n${JSON.stringify(schema, null, 2)}\n\`\`\``,
  ].join('\n');
}

/** In turns that something else has opened. */
export const OUTPUT_AGAIN = 'End with the whole JSON value again, as the task asks for it.';
