/** Repositories that are named by URL. Deterministic; used in workflows too. */
import { SubagentsError } from './errors.ts';

// As a URL travels: without a password, a query or a fragment, and with nothing that could be taken for an option.
const HTTP = /^https?:\/\/[^\s/@?#-][^\s/@?#]*\/[^\s?#]+$/;
const SSH = /^ssh:\/\/(?:[\w.+-]+@)?[\w.[][\w.\-[\]:]*\/[^\s?#]+$/;
const FILE = /^file:\/\/\/[^\n?#]+$/;
// As scp has it: `git@example.com:team/shop.git`.
const SCP = /^(?:[\w.+-]+@)?[A-Za-z0-9][\w.-]*:(?!\/\/)[^\s:-][^\s]*$/;
const WITH_SCHEME = /^[A-Za-z][\w+.-]*:(?:\/\/|:)/;

/** Whether a spec names a repository by a URL that may travel: https, http, ssh, file, or as scp has it. */
export function isRepositoryUrl(repo: string): boolean {
  return WITH_SCHEME.test(repo) ? [HTTP, SSH, FILE].some((form) => form.test(repo)) : SCP.test(repo);
}

/** What a caller named by URL. */
export interface RepositoryUrl {
  /** Fit to be shown and kept. */
  readonly url: string;
  /** It had a password or a token in it, which was left out. */
  readonly leftOut: boolean;
}

/**
 * Reads the name of a repository as a URL; undefined when it is a path.
 * @throws SubagentsError BAD_INPUT for a URL of another kind; no secret of it stands in the message
 */
export function readRepositoryUrl(text: string): RepositoryUrl | undefined {
  if (!WITH_SCHEME.test(text) && !SCP.test(text)) return undefined;
  const whole = text.replace(/\/+$/, '');
  // Over http a name alone may be a token too; over ssh it is who logs in.
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
    `repo: ${withoutCredentials(url)} is no URL of a repository that is accepted`,
    {
      remedy: 'Use https://…, ssh://…, file:///… or git@host:path, without a query; or a path.',
    },
  );
}

/** `text` without what stands before an @ in the URLs in it, and without their queries. */
export function withoutCredentials(text: string): string {
  return text.replace(/(\w+:\/\/)[^\s/@]*@/g, '$1').replace(/(\w+:\/\/[^\s?#'"]*)[?#][^\s'"]*/g, '$1');
}

/** The last part of the URL's path, as a person would call the repository. */
export function repositoryName(url: string): string {
  return /([^/:]+?)(?:\.git)?$/.exec(url)?.[1] ?? 'repository';
}
