// What a command prints on a terminal, as a page.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Colours of the codes that picocolors writes. */
const COLORS = {
  31: '#ff7b72',
  32: '#7ee787',
  33: '#f2cc60',
  34: '#79c0ff',
  35: '#d2a8ff',
  36: '#76e3ea',
};

/** Runs `subagents` with `words` on a terminal of `columns`, and shows command and output. */
export async function terminalPage(main, home, words, columns) {
  const quoted = [process.execPath, main, ...words]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(' ');
  const { stdout } = await promisify(execFile)(
    'script',
    ['--quiet', '--return', '--command', `stty cols ${columns}; ${quoted}`, '/dev/null'],
    { env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'xterm-256color', SUBAGENTS_HOME: home } },
  );
  return page(`$ subagents ${words.join(' ')}\n${toHtml(stdout.replaceAll('\r\n', '\n').trimEnd())}`);
}

function toHtml(text) {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  let open = 0;
  const html = escaped.replace(/\u001B\[(\d+)m/g, (_, code) => {
    const style =
      code === '1'
        ? 'font-weight: bold'
        : code === '2'
          ? 'opacity: 0.6'
          : COLORS[code]
            ? `color: ${COLORS[code]}`
            : undefined;
    if (style !== undefined) open++;
    else if (open > 0) open--;
    else return '';
    return style === undefined ? '</span>' : `<span style="${style}">`;
  });
  return html + '</span>'.repeat(open);
}

const page = (content) => `<!doctype html><meta charset="utf-8"><style>
  body { margin: 0 }
  pre { display: inline-block; margin: 0; padding: 18px 22px; background: #16181d; color: #e6e6e6; font: 14px/1.45 'DejaVu Sans Mono', monospace }
</style><pre>${content}</pre>`;
