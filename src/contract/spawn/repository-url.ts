/** Repositories that are named by URL. Deterministic; used in workflows too. */
import { SubagentsError } from '../errors.ts';

// URLs that may be stored and sent: without password, query or fragment, and without anything that git could read as an
// option.
const HTTP = /^https?:\/\/[^\s/@?#-][^\s/@?#]*\/[^\s?#]+$/;
const SSH = /^ssh:\/\/(?:[\w.+-]+@)?[\w.[][\w.\-[\]:]*\/[^\s?#]+$/;
const FILE = /^file:\/\/\/[^\n?#]+$/;
// The form of scp: `git@example.com:team/shop.git`.
const SCP = /^(?:[\w.+-]+@)?[A-Za-z0-9][\w.-]*:(?!\/\/)[^\s:-][^\s]*$/;
const WITH_SCHEME = /^[A-Za-z][\w+.-]*:(?:\/\/|:)/;

/** Whether `repo` is a URL that a spec may contain: https, http, ssh, file, or the form of scp. */
export function isRepositoryUrl(repo: string): boolean {
  return WITH_SCHEME.test(repo) ? [HTTP, SSH, FILE].some((form) => form.test(repo)) : SCP.test(repo);
}

/** A repository that a caller names by URL. */
export interface RepositoryUrl {
  /** The URL without secrets, so that it can be shown and stored. */
  readonly url: string;
  /** Whether a password or token was removed from the URL. */
  readonly leftOut: boolean;
}

/**
 * Reads the name of a repository as a URL; undefined when it is a path.
 * @throws SubagentsError BAD_INPUT for a URL of another kind; the message contains no secret of the URL
 */
export function readRepositoryUrl(text: string): RepositoryUrl | undefined {
  if (!WITH_SCHEME.test(text) && !SCP.test(text)) return undefined;
  const whole = text.replace(/\/+$/, '');
  // Over http a user name alone may also be a token. Over ssh it is the login name, which is needed.
  const url = whole
    .replace(/^(https?:\/\/)[^/?#]*@/, '$1')
    .replace(/^(ssh:\/\/[^/@:]+):[^/@]*@/, '$1@')
    .replace(
      /^(https?):\/\/([^/]*)/,
      (_, scheme: string, host: string) => `${scheme}://${host.toLowerCase()}`,
    );
  if (isRepositoryUrl(url)) return { url, leftOut: url.toLowerCase() !== whole.toLowerCase() };
  throw new SubagentsError(
    'BAD_INPUT',
    `repo: ${withoutCredentials(url)} is not an accepted URL of a repository`,
    {
      remedy: 'Use https://…, ssh://…, file:///… or git@host:path, without a query; or a path.',
    },
  );
}

/** Removes the user information and the queries of all URLs in `text`. */
export function withoutCredentials(text: string): string {
  return text.replace(/(\w+:\/\/)[^\s/@]*@/g, '$1').replace(/(\w+:\/\/[^\s?#'"]*)[?#][^\s'"]*/g, '$1');
}

/** The last component of the URL's path without `.git`: a short name of the repository for people. */
export function repositoryName(url: string): string {
  return /([^/:]+?)(?:\.git)?$/.exec(url)?.[1] ?? 'repository';
}
