/**
 * Who may read and write through the Web UI's port of a server whose messages are encrypted: a browser that has used a
 * one-time link, which only this account can make, and a program that has a token of the home. Links and token are files
 * of the home, in a folder that is closed to others.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { keySourceOf } from '../../keys/key-source.ts';
import type { Keys } from '../../keys/keys.ts';
import {
  createPrivateFile,
  ensurePrivateDir,
  errorCode,
  namesIn,
  readIfThere,
  statIfThere,
  writePrivateFile,
} from '../../system/files.ts';
import type { Env } from '../../system/home-root.ts';

/** The path of the page that a one-time link leads to. */
export const ENTER_PATH = '/subagents/enter';
/** How long a one-time link works, in milliseconds. */
export const LINK_MS = 2 * 60_000;

const TOKEN_BYTES = 32;

const folderOf = (root: string): string => join(root, 'ui');
const linksOf = (root: string): string => join(folderOf(root), 'links');
const codecTokenPath = (root: string): string => join(folderOf(root), 'codec-token');
const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest();
const newToken = (): string => randomBytes(TOKEN_BYTES).toString('base64url');

/** A link that lets one browser in, once. */
export interface OneTimeLink {
  readonly url: string;
  /** A private page that leads to the link: unlike the link, its path may stand among the arguments of a program. */
  readonly page: string;
}

/**
 * Makes a one-time link to `url`, a page of the Web UI of the home `root`. The home has only the digest of its token.
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
function makeOneTimeLink(root: string, url: string): OneTimeLink {
  const links = linksOf(root);
  ensurePrivateDir(links);
  removeOldLinks(links);
  const { origin, pathname, search } = new URL(url);
  const token = newToken();
  const link = `${origin}${ENTER_PATH}?to=${encodeURIComponent(pathname + search)}#${token}`;
  const entry = join(links, digestOf(token).toString('hex'));
  const page = `${entry}.html`;
  writePrivateFile(
    page,
    `<!doctype html><meta charset="utf-8"><title>subagents</title><script>location.replace(${JSON.stringify(link)})</script>`,
  );
  writePrivateFile(entry, '');
  return { url: link, page };
}

/** A one-time link to `url` if the server of the home `root` encrypts; undefined if no browser has to be let in. */
export const linkIfEncrypted = (root: string, env: Env, url: string): OneTimeLink | undefined =>
  keySourceOf(root, env, 'own') === undefined ? undefined : makeOneTimeLink(root, url);

/**
 * The token that programs authorize themselves with at the codec of the home `root`; made at first use.
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function codecToken(root: string): string {
  const path = codecTokenPath(root);
  ensurePrivateDir(folderOf(root));
  createPrivateFile(path, newToken());
  return readIfThere(path) ?? '';
}

/** How the gate of a Web UI decrypts and encrypts, and for whom. */
export interface UiEncryption {
  readonly keys: Keys;
  readonly access: UiAccess;
  /** The namespace of messages whose sender names none. */
  readonly namespace: string;
}

/** Decides who is let in. It has one cookie for its life. */
export class UiAccess {
  readonly #root: string;
  readonly #cookie = newToken();

  /** @param root the home */
  constructor(root: string) {
    this.#root = root;
  }

  /** Whether `token` is that of a link that was not used yet. It is used now. */
  useLink(token: string): boolean {
    const links = linksOf(this.#root);
    const entry = join(links, digestOf(token).toString('hex'));
    const made = statIfThere(entry)?.mtimeMs;
    try {
      // Of several requests at the same time, one removes the file.
      unlinkSync(entry);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
    rmSync(`${entry}.html`, { force: true });
    return made !== undefined && Date.now() - made < LINK_MS;
  }

  /** The `Set-Cookie` header of the gate at `port`: browsers send a cookie to all ports of a host. */
  setCookie(port: number): string {
    return `${cookieName(port)}=${this.#cookie}; Path=/; HttpOnly; SameSite=Strict`;
  }

  /** Whether a `Cookie` header of the gate at `port` has the cookie. */
  hasCookie(header: string | undefined, port: number): boolean {
    return cookiesIn(header).some(([name, value]) => name === cookieName(port) && same(value, this.#cookie));
  }

  /** Whether an `Authorization` header has the token of the codec. */
  isAuthorized(header: string | undefined): boolean {
    const token = readIfThere(codecTokenPath(this.#root));
    return Boolean(token) && same(header ?? '', `Bearer ${token ?? ''}`);
  }
}

/** A `Cookie` header without the cookie of the gate at `port`; undefined if nothing is left. */
export function withoutOwnCookie(header: string, port: number): string | undefined {
  const others = cookiesIn(header).filter(([name]) => name !== cookieName(port));
  return others.length === 0 ? undefined : others.map(([name, value]) => `${name}=${value}`).join('; ');
}

const cookieName = (port: number): string => `subagents-${port}`;

const cookiesIn = (header = ''): [name: string, value: string][] =>
  header.split(';').map((text) => {
    const [name = '', ...value] = text.trim().split('=');
    return [name, value.join('=')];
  });

const same = (one: string, other: string): boolean => timingSafeEqual(digestOf(one), digestOf(other));

function removeOldLinks(links: string): void {
  for (const name of namesIn(links)) {
    const path = join(links, name);
    const made = statIfThere(path)?.mtimeMs;
    if (made !== undefined && Date.now() - made > LINK_MS) rmSync(path, { force: true });
  }
}
