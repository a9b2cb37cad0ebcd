/**
 * What the package's declarations ask of a program: that it compiles in strict mode with `skipLibCheck` off, with no types but
 * those of zod, and that each example in a doc comment does. Needs `npm run build` first.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ENTRY = `${ROOT}dist/src/client/index.d.ts`;
const PROGRAM = `${ROOT}a-program.ts`;
/** Whose types a program has with the package. Others are those of private parts. */
const ALLOWED = ['zod', 'typescript'];
const PREAMBLE = `
import { batchChain, raceChain, readyMadeChain, Subagents, SubagentsError } from 'durable-subagents';
import type { SessionHandle, SubagentHandle } from 'durable-subagents';
declare const console: { log(...words: unknown[]): void; error(...words: unknown[]): void };
void [batchChain, raceChain, readyMadeChain, Subagents, SubagentsError];
`;

/** The functions and methods that a program can call, with the code of the examples in their doc comments. */
async function readExamples(name: string): Promise<Map<string, string[]>> {
  const file = ts.createSourceFile(
    name,
    await readFile(`${ROOT}src/${name}`, 'utf8'),
    ts.ScriptTarget.ESNext,
    true,
  );
  const found = new Map<string, string[]>();
  const isPublic = (node: ts.Declaration): boolean =>
    (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private) === 0;
  const visit = (node: ts.Node, owner: string): void => {
    if ((ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node)) && node.name !== undefined)
      for (const member of node.members) visit(member, `${node.name.text}.`);
    const isCallable =
      ts.isMethodSignature(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isGetAccessor(node) ||
      (ts.isFunctionDeclaration(node) && (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Export) !== 0);
    if (!isCallable || !isPublic(node) || node.name === undefined || !ts.isIdentifier(node.name)) return;
    const examples = ts.getJSDocTags(node).filter(({ tagName }) => tagName.text === 'example');
    const code = examples.map(({ comment }) => /```ts\n(.*)```/s.exec(String(comment))?.[1] ?? '');
    const key = owner + node.name.text;
    found.set(key, [...(found.get(key) ?? []), ...code]);
  };
  ts.forEachChild(file, (node) => visit(node, ''));
  return found;
}

describe('the types of the package', () => {
  const examples = new Map<string, string[]>();
  let program: ts.Program;

  beforeAll(async () => {
    for (const name of [
      'client/handles.ts',
      'client/subagents.ts',
      'client/chains/ready-made.ts',
      'chain/ready-made.ts',
    ])
      for (const [key, code] of await readExamples(name)) examples.set(key, code);
    const bodies = [...examples.values()].flat().map(
      (code, index) =>
        `export async function example${index}(subagents: Subagents, session: SessionHandle, subagent: SubagentHandle) {
  void [subagents, session, subagent];
  {
${code}
  }
}`,
    );
    const source = PREAMBLE + bodies.join('\n');
    const options: ts.CompilerOptions = {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
      types: [],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      skipDefaultLibCheck: true,
      noEmit: true,
      paths: { 'durable-subagents': [ENTRY] },
    };
    const host = ts.createCompilerHost(options);
    const read = host.readFile.bind(host);
    const fileExists = host.fileExists.bind(host);
    host.readFile = (name) => (name === PROGRAM ? source : read(name));
    host.fileExists = (name) => name === PROGRAM || fileExists(name);
    host.getSourceFile = (name, version) => {
      const text = host.readFile(name);
      return text === undefined ? undefined : ts.createSourceFile(name, text, version, true);
    };
    program = ts.createProgram([PROGRAM], options, host);
  });

  it('lead to no types but those of zod', () => {
    const reached = program.getSourceFiles().flatMap(({ fileName }) => {
      const path = fileName.split('node_modules/')[1];
      return path === undefined ? [] : [path.split('/')[0] ?? ''];
    });
    expect(new Set(reached.filter((name) => !ALLOWED.includes(name)))).toEqual(new Set());
  });

  it('have an example for each call', () => {
    expect(examples.size).toBeGreaterThan(25);
    expect(
      [...examples].filter(([, code]) => code.length === 0 || code.includes('')).map(([key]) => key),
    ).toEqual([]);
  });

  it('compile with their examples in a strict program that checks libraries', () => {
    const problems = ts.getPreEmitDiagnostics(program).map(({ messageText, file, start }) => {
      const place =
        file && start !== undefined ? `${file.fileName}: ${file.text.slice(start, start + 80)}` : '';
      return `${place} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
    expect(problems).toEqual([]);
  });
});
