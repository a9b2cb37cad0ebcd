import { describe, expect, it } from 'vitest';
import {
  isRepositoryUrl,
  readRepositoryUrl,
  repositoryName,
  withoutCredentials,
} from '../../src/contract/index.ts';

describe('a repository', () => {
  it.each([
    ['https://example.com/team/shop.git', 'shop'],
    ['http://127.0.0.1:8080/shop', 'shop'],
    ['ssh://git@example.com:2222/team/shop.git', 'shop'],
    ['ssh://example.com/~dev/shop', 'shop'],
    ['file:///srv/git/my shop.git', 'my shop'],
    ['git@example.com:team/shop.git', 'shop'],
    ['example.com:shop', 'shop'],
  ])('is a URL: %s', (text, name) => {
    expect(readRepositoryUrl(text)).toEqual({ url: text, leftOut: false });
    expect(isRepositoryUrl(text)).toBe(true);
    expect(repositoryName(text)).toBe(name);
  });

  it.each(['.', '..', '~/shop', '/srv/shop', 'shop', './a:b', '/srv/a:b', '../x@y:z', 'packages/one'])(
    'is a path: %s',
    (text) => expect(readRepositoryUrl(text)).toBeUndefined(),
  );

  it.each([
    ['https://dev:s3cret-word@example.com/shop.git', 'https://example.com/shop.git'],
    ['https://ghp_token@Example.com/shop.git/', 'https://example.com/shop.git'],
    ['https://a@b:s3cret@example.com/shop', 'https://example.com/shop'],
    ['ssh://git:s3cret@example.com/shop.git', 'ssh://git@example.com/shop.git'],
  ])('has no credentials once it is read: %s', (text, url) => {
    expect(readRepositoryUrl(text)).toEqual({ url, leftOut: true });
    expect(isRepositoryUrl(text)).toBe(false);
    expect(isRepositoryUrl(url)).toBe(true);
  });

  it.each([
    'ext::sh -c "touch /tmp/owned"',
    'ext://x/y',
    'git://example.com/shop.git',
    'ftp://example.com/shop.git',
    'ssh://-oProxyCommand=touch/x',
    'file://elsewhere/shop.git',
    'https://example.com/shop.git?access_token=s3cret',
    'https://dev:s3cret@example.com/shop.git#s3cret',
    'https://example.com',
  ])('is refused, and no secret of it is said: %s', (text) => {
    expect(() => readRepositoryUrl(text)).toThrow(/is not an accepted URL of a repository$/);
    expect(() => readRepositoryUrl(text)).not.toThrow(/s3cret/);
  });
});

it('credentials are taken out of what git says', () => {
  const said = "fatal: unable to access 'https://dev:s3cret@example.com/shop.git/?t=s3cret': no";
  expect(withoutCredentials(said)).toBe("fatal: unable to access 'https://example.com/shop.git/': no");
});
