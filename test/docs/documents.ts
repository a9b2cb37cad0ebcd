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

/** Every page: those at the root, and those of the folders. */
export const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...['docs', 'examples'].flatMap((folder) => filesOf(folder, '.md')),
];

/** Pages that tell what to do: decisions tell what was tried. */
export const GUIDES = DOCUMENTS.filter((path) => !path.includes('decisions/'));

const HEADING = /^#{1,6} (.*)$/gm;
const SKIPPED = /^```.*?^```$/gms;

/** The anchors of a page, as GitHub makes them of its headings. */
export const anchors = (text: string): string[] =>
  [...text.replace(SKIPPED, '').matchAll(HEADING)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** What stands on the one page that has a section of this title, from there to the next heading of its level. */
export function section(title: string): string {
  const found = GUIDES.flatMap((path) => {
    const text = read(path);
    const [heading, marks = ''] = new RegExp(`^(#{1,3}) ${title}\n`, 'm').exec(text) ?? [];
    if (heading === undefined) return [];
    const [, rest = ''] = text.split(heading);
    return [rest.split(new RegExp(`^#{1,${marks.length}} `, 'm'))[0] ?? ''];
  });
  const [body, ...others] = found;
  if (body === undefined || others.length > 0)
    throw new Error(`${found.length} pages have a section "${title}", and not one`);
  return body;
}

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
