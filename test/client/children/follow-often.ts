/** Follows a session's announcements eleven times over with one signal: each gets its first, waits for the next, and ends with the signal. */
import type * as client from '../../../src/client/index.ts';

// Of dist: a program of a user has no other.
const { Subagents } = (await import(
  new URL('../../../dist/src/client/index.js', import.meta.url).href
)) as typeof client;

const [target = '', session = ''] = process.argv.slice(2);
const subagents = await Subagents.connect(JSON.parse(target) as client.ConnectOptions);
const over = new AbortController();
const followers = Array.from({ length: 11 }, (_, at) =>
  subagents.session(session).announcements({ signal: over.signal, receiver: `receiver-${at}` }),
);
const firsts = await Promise.all(followers.map((items) => items.next()));
const nexts = Promise.all(followers.map((items) => items.next()));
over.abort();
const ended = (await nexts).filter(({ done }) => done === true);
await subagents.close();
console.log(`${firsts.filter(({ done }) => done !== true).length} followed, ${ended.length} ended`);
