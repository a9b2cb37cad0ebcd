/** Finds secrets in a value by their shape, whatever the variable's name. */
import { existsSync } from 'node:fs';
import { verdictOnName } from './secret-names.ts';

/**
 * Token shapes as documented by their issuers: a fixed beginning, then a fixed alphabet and length. If the fixed part
 * is in the middle, the pattern starts there, because a variable beginning would be tried at each word of every text.
 */
export const TOKEN_SHAPES: readonly string[] = [
  // GitHub, GitLab, Bitbucket and Atlassian
  String.raw`\bgh[pousr]_[A-Za-z0-9]{36,255}`,
  String.raw`\bgithub_pat_[A-Za-z0-9_]{22,255}`,
  String.raw`\bgl(?:pat|ptt|dt|rt|cbt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{20,255}`,
  String.raw`\bAT(?:ATT|CTT|BBT|STT)3[A-Za-z0-9_=-]{60,255}`,
  // OpenAI, Anthropic and others with the same prefix; Hugging Face, Groq, xAI, Perplexity, Replicate
  String.raw`\bsk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{32,255}`,
  String.raw`\bhf_[A-Za-z]{34}\b`,
  String.raw`\b(?:gsk_|xai-|pplx-|r8_)[A-Za-z0-9]{37,128}\b`,
  // AWS, Google, Azure, DigitalOcean, Heroku, Fly, Netlify, Supabase, PlanetScale, Databricks
  String.raw`\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b`,
  String.raw`\bAIza[0-9A-Za-z_-]{35}\b`,
  String.raw`\bGOCSPX-[A-Za-z0-9_-]{28}`,
  String.raw`\bya29\.[A-Za-z0-9_-]{30,2048}`,
  String.raw`[0-9]Q~[A-Za-z0-9_~.-]{31,34}`,
  String.raw`\bdo[opr]_v1_[a-f0-9]{64}\b`,
  String.raw`\bHRKU-[A-Za-z0-9_-]{36,80}`,
  String.raw`\b(?:fm[12][ar]?_|fo1_)[A-Za-z0-9_=+/-]{40,512}`,
  String.raw`\bnf[pcou]_[A-Za-z0-9]{36}\b`,
  String.raw`\bsb(?:p|_secret)_[A-Za-z0-9_-]{30,64}`,
  String.raw`\bpscale_(?:pw|tkn|oauth)_[A-Za-z0-9_=.-]{32,64}`,
  String.raw`\bdapi[a-f0-9]{32}\b`,
  // Slack and Discord (tokens, and webhook addresses), Telegram, Twilio SendGrid
  String.raw`\bxox[abeoprs]-[A-Za-z0-9-]{10,255}`,
  String.raw`\bxapp-[0-9]-[A-Za-z0-9-]{20,255}`,
  String.raw`https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,255}`,
  String.raw`https://(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks/[0-9]{10,25}/[A-Za-z0-9_-]{40,100}`,
  String.raw`:AA[A-Za-z0-9_-]{33}\b`,
  String.raw`\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}`,
  // Stripe, Square, Shopify
  String.raw`\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,255}`,
  String.raw`\bwhsec_[A-Za-z0-9+/=]{24,128}`,
  String.raw`\bsq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}`,
  String.raw`\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b`,
  // npm, PyPI, RubyGems, crates.io, NuGet, Docker
  String.raw`\bnpm_[A-Za-z0-9]{36}\b`,
  String.raw`\bpypi-[A-Za-z0-9_-]{50,255}`,
  String.raw`\brubygems_[a-f0-9]{48}\b`,
  String.raw`\boy2[a-z0-9]{43}\b`,
  String.raw`\bdckr_[a-z]{3}_[A-Za-z0-9_-]{27,64}`,
  // Vault, Terraform, Pulumi, Doppler, 1Password, Tailscale, Grafana, Sentry, New Relic, Postman, Linear, Notion,
  // Figma, Airtable
  String.raw`\bhv[sbr]\.[A-Za-z0-9_-]{24,255}`,
  String.raw`\batlasv1\.[A-Za-z0-9_=-]{60,70}`,
  String.raw`\bpul-[a-f0-9]{40}\b`,
  String.raw`\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,64}`,
  String.raw`\bops_eyJ[A-Za-z0-9+/=_-]{100,2048}`,
  String.raw`\btskey-[a-z]+-[A-Za-z0-9-]{16,128}`,
  String.raw`\bgl(?:c_eyJ|sa_)[A-Za-z0-9+/=_]{32,512}`,
  String.raw`\bsntry[su]_[A-Za-z0-9+/=_]{40,512}`,
  String.raw`\bNR(?:AK|JS|II)-[A-Za-z0-9_-]{19,40}`,
  String.raw`\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b`,
  String.raw`\blin_(?:api|oauth)_[A-Za-z0-9]{32,64}`,
  String.raw`\bntn_[A-Za-z0-9]{40,64}\b`,
  String.raw`\bfig[dopu]_[A-Za-z0-9_-]{40,64}`,
  String.raw`\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}\b`,
  // JSON Web Tokens (RFC 7519); private keys (RFC 7468, OpenPGP, age)
  String.raw`\beyJ[A-Za-z0-9_-]{10,2048}\.eyJ[A-Za-z0-9_-]{10,4096}\.[A-Za-z0-9_-]{10,1024}`,
  String.raw`-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----[\s\S]{1,7000}?-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----`,
  String.raw`\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b`,
];

const TOKENS = new RegExp(TOKEN_SHAPES.join('|'), 'g');

/** Whether a text contains a private key, or text with the shape of a well-known kind of token. */
export const holdsToken = (text: string): boolean => text.search(TOKENS) >= 0;
/**
 * The password in `scheme://user:password@host` and in `user:password@tcp(host)/name`; not the port in
 * `http://host:80/@x`.
 */
const PASSWORDS = [
  /\b[a-z][a-z0-9+.-]*:\/\/[^/\s:@?#[\]]*:(?!\d{1,5}\/)([^\s@"'<>]+)@/gi,
  /^[\w.-]+:([^\s@]+)@(?:tcp|unix)\(/g,
  // .netrc
  /\blogin\s+\S+\s+password\s+(\S{4,})/gi,
];
/** A user name that is a key, as in `https://<32 hex>@host/1` (Sentry). */
const KEYS_IN_URL = /https?:\/\/([a-f0-9]{32}|[A-Za-z0-9_-]{20,})(?::[a-f0-9]{32})?@/g;
/** The credentials after the scheme's name in a header (RFC 7235). */
const HEADERS = /(?:^|[:=]\s*)(?:Bearer|Basic|Token)\s+(?=\S*\d)([\w~+/.=-]{8,})/gi;
/** Pairs on one line: `Password=…;`, `?sig=…&`, `api-key=…,`, `"password": "…"`, `_authToken=…`, `--token=…` */
const PAIRS =
  /(?:^|[\s;,&?{"'/:-])([A-Za-z_][\w .-]{0,40}?)["']?[^\S\n]*(?:=|:[^\S\n]+|:(?=["']))[^\S\n]*(?:"((?:[^"\\]|\\.){4,})"|'([^']{4,})'|([^\s;,&"'{}]{4,}))/g;
const SIGNATURES = /^(sig|signature|x-amz-signature|x-goog-signature)$/i;
/** Placeholders of templates and documents are not secrets. */
const PLACEHOLDER = /^(\$\{?\w+\}?|%\w+%|<[^>]*>|\{\{.*\}\}|\*+|x{3,}|\.{3})$/i;

/**
 * The secrets in `value` by their shape; empty if there are none. Digests, UUIDs, paths, numbers and words are not
 * secrets.
 */
export function secretsByShape(value: string): string[] {
  const found = [...value.matchAll(TOKENS)].map(([token]) => token);
  for (const pattern of [...PASSWORDS, KEYS_IN_URL, HEADERS])
    for (const match of value.matchAll(pattern)) found.push(match[1] ?? '');
  for (const [, key = '', double, single, bare] of value.matchAll(PAIRS)) {
    const held = double ?? single ?? bare ?? '';
    if ((verdictOnName(key) === 'secret' || SIGNATURES.test(key)) && !isTrivial(held)) found.push(held);
  }
  return found.filter((secret) => secret !== '' && !PLACEHOLDER.test(secret));
}

/** Whether an address has no credential: a URL, or `key=value` pairs, without a secret part. */
export function isOpenAddress(value: string): boolean {
  if (secretsByShape(value).length > 0) return false;
  const url = /^[a-z][a-z0-9+.-]*:\/\/(?:([^/\s@?#]*)@)?([^/\s?#]*)([^\s]*)$/i.exec(value.trim());
  if (url === null) return /^(?:[a-z]+:)?[\w .-]+=[^;=]+(?:[; ][\w .-]+=[^;=]+)*;?$/i.test(value);
  return url[1] === undefined || !/^https?:/i.test(value);
}

/** Whether knowing the address is enough to use it, as for a webhook; not for addresses of this machine. */
export function isCapability(value: string): boolean {
  const url = /^https?:\/\/([^/\s?#:]+)(?::\d+)?[/?]([^\s]*)$/i.exec(value.trim());
  return url !== null && url[2] !== '' && !/^(localhost|127\.[\d.]+|\[::1\]|0\.0\.0\.0)$/.test(url[1] ?? '');
}

const UNIT = '(?:%|ms|s|sec|m|min|h|d|w|[kmgt]i?b?|px|x)';

/**
 * Whether a value is a switch, a number with or without unit, or a path: `CREDENTIALS=/path/to/file` is not itself a
 * secret.
 */
export function isTrivial(value: string): boolean {
  const text = value.trim();
  return (
    /^(true|false|yes|no|on|off|none|null|enabled?|disabled?|auto|always|never|required|optional|default)?$/i.test(
      text,
    ) ||
    new RegExp(String.raw`^[+-]?\d{1,9}(?:\.\d+){0,3}\s?${UNIT}?$`, 'i').test(text) ||
    PLACEHOLDER.test(text) ||
    isPath(text)
  );
}

/** A path that exists, or that looks like one; encoded data may also begin with a slash. */
function isPath(text: string): boolean {
  if (!/^(~|\.{1,2})?\//.test(text) || /\s/.test(text)) return false;
  if (/^[^A-Z+=]*$/.test(text.replace(/^\/(Users|Volumes|Library|Applications)\//, '/'))) return true;
  return existsSync(text.replace(/^~/, process.env['HOME'] ?? '~'));
}

/**
 * Whether a value looks random. That alone withholds nothing, because digests, ids and build numbers look random too.
 */
export function looksRandom(value: string): boolean {
  const text = value.trim();
  if (!/^[\w+/=.~-]{20,512}$/.test(text) || isTrivial(text) || /[/.]{2}|\.\w{1,5}$/.test(text)) return false;
  if (/^[0-9a-f-]+$/i.test(text) || !/\d/.test(text) || !/[A-Z]/.test(text) || !/[a-z]/.test(text))
    return false;
  // Words, versions and target triples consist of short parts, random values of long ones.
  if (
    !text
      .split(/[-_.:/]/)
      .some((part) => part.length >= 16 && /\d/.test(part) && /[a-zA-Z]\d[a-zA-Z]/.test(part))
  )
    return false;
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  const bits = [...counts.values()].reduce(
    (sum, n) => sum - (n / text.length) * Math.log2(n / text.length),
    0,
  );
  return bits >= 3.5;
}
