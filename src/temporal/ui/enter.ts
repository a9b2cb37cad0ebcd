/** The pages for a browser that is not let in yet. */
import { createHash } from 'node:crypto';
import { ENTER_PATH, LINK_MS } from './access.ts';

/** The token is in the fragment of the link, which no server, log or other page is told. */
const SCRIPT = `
const token = location.hash.slice(1);
const target = new URL(new URLSearchParams(location.search).get('to') ?? '/', location.origin);
history.replaceState(null, '', ${JSON.stringify(ENTER_PATH)});
fetch(${JSON.stringify(ENTER_PATH)}, { method: 'POST', body: token }).then(({ ok }) => {
  if (ok && target.origin === location.origin) location.replace(target.href);
  else document.getElementById('refused').hidden = false;
});
`;

const RUN = 'run <code>subagents open</code> in a terminal of the account that runs this server';
const page = (body: string): string =>
  `<!doctype html><meta charset="utf-8"><title>subagents</title><body style="font-family:sans-serif;max-width:40em;margin:4em auto">${body}`;

/** The page that a one-time link leads to. */
export const ENTER_PAGE = page(
  `<div id="refused" hidden><h1>This link does not work</h1><p>A link lets one browser in, once, within ${LINK_MS / 60_000} minutes. For another one, ${RUN}.</div><script>${SCRIPT}</script>`,
);

/** The page for everybody else. Its link leads to the page that was asked for. */
export const CLOSED_PAGE = page(
  `<h1>This browser is not let in</h1><p>Messages on this server are encrypted. To read them here, ${RUN}, and then <a href="">open this page again</a>.<p>A browser stays let in until it is closed, or until the next <code>subagents up</code>.`,
);

const scriptHash = createHash('sha256').update(SCRIPT).digest('base64');

/** Only the script of `ENTER_PAGE` may run on these pages, and only talk to their own server. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'content-security-policy': `default-src 'none'; script-src 'sha256-${scriptHash}'; connect-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'`,
};
