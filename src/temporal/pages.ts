/** Answers of the Temporal server that come in pages. */

interface Page {
  readonly nextPageToken?: Uint8Array | null | undefined;
}

/**
 * Yields the pages of an answer, asking for each when the one before has been used.
 * @param ask requests one page; its argument is a part of the request, which names the page
 */
export async function* pages<P extends Page>(
  ask: (page: { readonly nextPageToken?: Uint8Array }) => Promise<P>,
): AsyncGenerator<P, void, undefined> {
  let token: Uint8Array | null | undefined;
  do {
    const page = await ask(token ? { nextPageToken: token } : {});
    yield page;
    token = page.nextPageToken;
  } while (token && token.length > 0);
}
