/** The documents, and what is taken out of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
export const filesOf = (folder: string, ending: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));

export const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', ...filesOf('docs', '.md')];

/** What stands between backticks. */
export const code = (text = ''): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, words = '']) => words);
/** The bodies of the code blocks in a language. */
export const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, body = '']) => body);

const FENCED_OR_INDENTED = /^```(?<language>\w*)\n(?<body>.*?)^```$|(?<indented>(?:^ {4}\S[^\n]*\n)+)/gms;

/** The blocks of commands, in order: those in `sh`, and indented ones. Without comments. */
export function commandBlocks(text: string): string[][] {
  return [...text.matchAll(FENCED_OR_INDENTED)]
    .map(({ groups }) => (groups?.['language'] === 'sh' ? groups['body'] : groups?.['indented']) ?? '')
    .map((block) => block.split('\n').map((line) => line.replace(/(^|\s+)# .*$/, '').trim()))
    .map((lines) => lines.filter((line) => line !== ''))
    .filter((lines) => lines.length > 0);
}

/** The commands within a sentence: a program and something more. */
export function commandsInSentences(text: string): string[] {
  return code(text.replace(FENCED_OR_INDENTED, ''))
    .map((words) => words.replaceAll('\n', ' '))
    .filter((words) => /^(subagents|temporal|npm|npx|node|go|git|gh|docker|copilot|claude) [^ ]/.test(words));
}
