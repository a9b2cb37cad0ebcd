/** What the documentation says is there, is there: examples, commands, options, settings, exit codes, states, messages, files. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readChain } from '../../src/chain/file.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { buildProgram } from '../../src/cli/program.ts';
import * as contract from '../../src/contract/index.ts';
import { TOOLS } from '../../src/tools/index.ts';
import { anchors, blocks, code, DOCUMENTS, filesOf, GUIDES, read, ROOT, section } from './documents.ts';

/** All that the guides say. */
const TEXT = GUIDES.map(read).join('\n');
const SOURCES = ['src', 'activities', 'workflows'].flatMap((folder) => filesOf(folder, '.ts')).map(read);

/** The cells of the table in a text, without its heading. */
const rows = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));

describe('examples', () => {
  const files = new Map(filesOf('docs/examples', '.ts').map((path) => [path, read(path)]));

  it.each(DOCUMENTS)('of %s are files that npm run check compiles', (document) => {
    for (const block of blocks(read(document), 'ts')) expect([...files.values()]).toContain(block);
  });

  it('are all shown', () => {
    const shown = DOCUMENTS.flatMap((document) => blocks(read(document), 'ts'));
    for (const [path, text] of files) expect(shown, path).toContain(text);
  });
});

describe('chain files', () => {
  const files = filesOf('docs/examples', '.chain.yaml');

  it.each(files)('%s has nothing wrong', (path) => {
    expect(readChain(read(path)).problems).toEqual([]);
  });

  it('are all shown', () => {
    const shown = DOCUMENTS.flatMap((document) => blocks(read(document), 'yaml'));
    for (const path of files) expect(shown, path).toContain(read(path));
  });
});

describe('commands', () => {
  it('that are named are there, and all are named', () => {
    const known = buildProgram('0.0.0', () => undefined).commands.map((command) => command.name());
    const named = [...TEXT.matchAll(/\bsubagents ([a-z]+)/g), ...TEXT.matchAll(/`([a-z]+)`/g)].map(
      ([, name]) => name,
    );
    expect(named).toEqual(expect.arrayContaining(known));
    for (const document of DOCUMENTS)
      for (const [, name] of read(document).matchAll(/`subagents ([a-z]+)\b/g))
        expect([...known, 'help']).toContain(name);
  });

  it('of npm are scripts', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const document of DOCUMENTS)
      for (const [, name = ''] of read(document).matchAll(/\bnpm run ([a-z]+)/g))
        expect(scripts, `${document}: npm run ${name}`).toHaveProperty(name);
  });
});

describe('settings', () => {
  it('are all the variables of ours that the sources read', () => {
    const names = (texts: readonly string[]): string[] =>
      [...new Set(texts.flatMap((text) => text.match(/\bSUBAGENTS_[A-Z_]+\b/g) ?? []))].sort();
    const documented = rows(section('Settings')).flatMap(([name]) => code(name));
    expect(documented.filter((name) => name.startsWith('SUBAGENTS_')).sort()).toEqual(names(SOURCES));
    expect(names([TEXT])).toEqual(names(SOURCES));
  });

  it('of Copilot are read', () => {
    const provider = read('src/copilot/runtime/provider.ts');
    for (const [, name = ''] of TEXT.matchAll(/`COPILOT_PROVIDER_([A-Z_]+)`/g))
      expect(provider).toContain(`set('${name}')`);
  });
});

describe('tables', () => {
  it('have every exit code', () => {
    const documented = rows(section('Exit codes')).map(([number]) => Number(number));
    expect(documented).toEqual(Object.values(EXIT).sort((a, b) => a - b));
  });

  it('have every state, in order', () => {
    const documented = rows(section('What each means')).flatMap(([state]) => code(state));
    expect(documented).toEqual([...contract.liveStatus.options, ...contract.finalStatus.options]);
  });

  it('have every receipt', () => {
    const documented = rows(section('Steering')).flatMap(([receipt]) => code(receipt));
    expect(documented).toEqual(contract.receipt.shape.delivery.options);
  });

  it('have the limits of the contract', () => {
    const limits = section('Limits');
    const number = (value: number): string => value.toLocaleString('en');
    expect(limits).toContain(`| a task | ${contract.MAX_TASK_BYTES / 1024} KiB |`);
    expect(limits).toContain(`| a steer | ${contract.MAX_STEER_BYTES / 1024} KiB |`);
    expect(limits).toContain(
      `| one spawn | ${contract.MAX_SPAWN_SPECS} specs, ${contract.MAX_SPAWN_BYTES / 1024 ** 2} MiB in all |`,
    );
    expect(limits).toContain(
      `| a chain | ${contract.MAX_CHAIN_STEPS} steps, ${contract.MAX_CHAIN_SUBAGENTS} subagents, ${contract.MAX_FOR_EACH} of one \`forEach\` |`,
    );
    expect(limits).toContain(
      `| live subagents of a session | ${number(contract.MAX_LIVE_SUBAGENTS)}, fewer where their repositories have very long names |`,
    );
    expect(limits).toContain(
      `| verification commands | ${contract.MAX_VERIFY_COMMANDS}, each ${contract.VERIFY_TIMEOUT_MS / 60_000} minutes |`,
    );
    expect(limits).toContain(
      `| working time | ${contract.MIN_TIMEOUT_MS / 1_000} second to ${contract.MAX_TIMEOUT_MS / 86_400_000} days |`,
    );
    expect(limits).toContain(
      `| ${number(contract.MAX_REPORT_CHARS)} characters; \`subagents logs\`, and for main agents \`show\` and \`logs\` with an \`offset\`, have ${number(contract.MAX_MESSAGE_CHARS)} of each message |`,
    );
    expect(limits).toContain(
      `| ${number(contract.MAX_OUTPUT_TAIL_CHARS)} characters; the whole is in the home |`,
    );
    expect(limits).toContain(`| an announcement | ${contract.MAX_ANNOUNCEMENT_BYTES / 1024} KiB:`);
    expect(section('Which Temporal')).toContain(`finished runs kept for ${contract.RETENTION_DAYS} days`);
    const { timeout, stuckAfter, stuckRepeats } = contract.SPAWN_OPTIONS;
    expect(contract.parseDuration(timeout.default)).toBe(contract.DEFAULT_TIMEOUT_MS);
    expect(contract.parseDuration(stuckAfter.default)).toBe(contract.DEFAULT_STUCK_AFTER_MS);
    expect(Number(stuckRepeats.default)).toBe(contract.DEFAULT_STUCK_REPEATS);
  });

  it('have messages and codes that the sources have', () => {
    const wrong = rows(section('When something is wrong'));
    expect(wrong.length).toBeGreaterThan(10);
    const all = SOURCES.join('\n');
    for (const [message, remedy] of wrong) {
      for (const part of code(message).flatMap((text) => text.split('…')))
        expect(all.includes(part.trim()), part).toBe(true);
      for (const [, name = ''] of (remedy ?? '').matchAll(/\(`([A-Z_]+)`\)/g))
        expect(contract.ERROR_CODES).toContain(name);
    }
  });
});

describe('JSON', () => {
  it.each(DOCUMENTS)('of %s can be read', (document) => {
    for (const block of blocks(read(document), 'json'))
      expect(() => JSON.parse(block) as unknown, block).not.toThrow();
  });

  it('of a repository’s settings fits its schema', () => {
    const [settings = ''] = blocks(section('What a worktree has'), 'json');
    expect(contract.repositorySettings.safeParse(JSON.parse(settings)).success).toBe(true);
  });
});

it('docs/programs.md has why a subagent makes no progress, and how that is shown', () => {
  const documented = rows(section('Stalled subagents')).map(([reason, shown]) => [code(reason)[0], shown]);
  expect(documented).toEqual(Object.entries(contract.STALLS).map(([reason, { state }]) => [reason, state]));
});

describe('docs/mcp.md', () => {
  const tool = TOOLS.find(({ name }) => name === 'subagents');
  const actions = (tool?.input.shape['action'] as { options?: string[] } | undefined)?.options ?? [];

  it('has every action, in order', () => {
    expect(rows(read('docs/mcp.md')).flatMap(([action]) => code(action))).toEqual(actions);
  });

  it('has the fields that each takes', () => {
    for (const [action, takes] of rows(read('docs/mcp.md')))
      for (const field of code(takes).map((each) => each.replace(/:.*/, '')))
        expect(Object.keys(tool?.input.shape ?? {}), action).toContain(field);
  });

  it('shows every tool', () => {
    for (const { name } of TOOLS) expect(read('docs/mcp.md')).toContain(`\`${name}\``);
  });
});

describe('links', () => {
  /** Of a page: where each leads, and to what there. */
  const linksOf = (document: string) =>
    [...read(document).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^https?:/.test(link))
      .map((link) => {
        const [path = '', anchor] = link.split('#');
        return { link, path: path === '' ? document : join(document, '..', path), anchor };
      });

  it.each(DOCUMENTS)('of %s lead somewhere', (document) => {
    for (const { link, path, anchor } of linksOf(document)) {
      expect(existsSync(join(ROOT, path)), link).toBe(true);
      if (anchor !== undefined) expect(anchors(read(path)), link).toContain(anchor);
    }
  });

  it('lead from the front page to every page, and from the index to each of its folder', () => {
    const index = new Set(linksOf('docs/README.md').map(({ path }) => path));
    const pages = GUIDES.filter((path) => dirname(path) === 'docs' && path !== 'docs/README.md');
    expect(pages.filter((path) => !index.has(path))).toEqual([]);
    expect(linksOf('README.md').map(({ path }) => path)).toContain('docs/README.md');
  });
});

it('each decision has a number of its own, without a gap', () => {
  const numbers = filesOf('docs/decisions', '.md').map((path) => Number(/\/(\d{4})-/.exec(path)?.[1]));
  expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers.map((_, index) => index + 1));
});

it('the front page is short', () => {
  const text = read('README.md');
  expect(text.split('\n').length).toBeLessThanOrEqual(200);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(12 * 1024);
});

it('the front page says what other accounts of the machine can do', () => {
  expect(read('README.md')).toContain('every other account of the same machine can run any command as you');
});
