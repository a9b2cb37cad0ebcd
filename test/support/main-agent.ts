/** A main agent's scripted model, told by its human word for word what to call. */
import type { Scenario, Step } from './model.ts';

const CALL = /\bcall (\w+) (\{.*\})/;

/**
 * Calls the tool that the human's last line names (`call subagents {"action":"list"}`), and otherwise says what it has read:
 * `Heard: …`, `Relayed: …` of news, `Got: …` of a tool's answer.
 */
export const mainAgent: Scenario = {
  when: ({ systemMessage }) => !systemMessage.includes('You are a subagent'),
  steps: ({ messages }): Step => {
    const last = messages.at(-1);
    const content = (last?.content ?? '').replace(/<(\w+)>[^<]*<\/\1>/g, '').trim();
    const firstLine = content.split('\n')[0] ?? '';
    if (last?.role === 'tool') return { text: `Got: ${firstLine}` };
    if (content.startsWith('[announcements of subagents:')) return { text: `Relayed: ${newsIn(content)}` };
    const [, name, json] = CALL.exec(content) ?? [];
    if (name === undefined || json === undefined) return { text: `Heard: ${firstLine}` };
    return { tools: [{ name, arguments: JSON.parse(json) as Record<string, unknown> }] };
  },
};

const newsIn = (content: string): string =>
  [...content.matchAll(/^- (.*?) \(/gm)].map(([, line]) => line).join('; ');
