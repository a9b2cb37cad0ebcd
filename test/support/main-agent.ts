/** A main agent's scripted model, told by its human word for word what to call. */
import type { ModelConversation } from '../../src/demo/conversation.ts';
import type { Scenario, ScriptedStep, ToolCall } from './model.ts';

/** How long its model takes over a call that the human asks for `slowly`. */
const SLOWLY_MS = 12_000;
const CALL = /\bcall (\w+) (\{.*\})/;

/** What the model reads anew: every message since its last answer, without what Copilot CLI adds to it. */
export const readAnew = ({
  messages,
}: ModelConversation): { readonly role: string; readonly text: string }[] =>
  messages
    .slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1)
    .filter(({ role }) => role !== 'system')
    .map(({ role, content }) => ({ role, text: content.replace(/<(\w+)>[^<]*<\/\1>/g, '').trim() }));

/** Several steps as one: news may come together with what the human says. */
export function together(
  steps: readonly { text?: string; tools?: readonly ToolCall[]; delayMs?: number }[],
): ScriptedStep {
  const tools = steps.flatMap((step) => step.tools ?? []);
  const text = steps.flatMap((step) => step.text ?? []).join('\n\n');
  const delayMs = Math.max(0, ...steps.map((step) => step.delayMs ?? 0));
  return {
    ...(text !== '' && { text }),
    ...(tools.length > 0 && { tools }),
    ...(delayMs > 0 && { delayMs }),
  };
}

/**
 * Calls the tool that the human's last line names (`call subagents {"action":"list"}`, or `slowly call …`), and otherwise says what it has read:
 * `Heard: …`, `Relayed: …` of news, `Got: …` of a tool's answer.
 */
export const mainAgent: Scenario = {
  when: ({ systemMessage }) => !systemMessage.includes('You are a subagent'),
  steps: (conversation) => together(readAnew(conversation).map(stepFor)),
};

function stepFor({ role, text }: { role: string; text: string }) {
  const firstLine = text.split('\n')[0] ?? '';
  if (role === 'tool') return { text: `Got: ${firstLine}` };
  if (text.startsWith('[announcements of subagents:')) return { text: `Relayed: ${newsIn(text)}` };
  const [, name, json] = CALL.exec(text) ?? [];
  if (name === undefined || json === undefined) return { text: `Heard: ${firstLine}` };
  return {
    tools: [{ name, arguments: JSON.parse(json) as Record<string, unknown> }],
    ...(text.startsWith('slowly') && { delayMs: SLOWLY_MS }),
  };
}

const newsIn = (text: string): string =>
  [...text.matchAll(/^- (.*?) \(/gm)].map(([, line]) => line).join('; ');
