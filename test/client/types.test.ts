import { expectTypeOf, it } from 'vitest';
import type {
  Subagents,
  Announcement,
  KillReport,
  Outcome,
  Receipt,
  SessionHandle,
  SpawnedSubagent,
  SpawnRefusal,
  SubagentHandle,
  TranscriptEntry,
} from '../../src/client/index.ts';

it('the library’s types say what a program gets', () => {
  expectTypeOf<typeof Subagents.connect>().returns.resolves.toEqualTypeOf<Subagents>();
  expectTypeOf<Subagents>().toExtend<AsyncDisposable>();
  expectTypeOf<Subagents['session']>().returns.toEqualTypeOf<SessionHandle>();
  expectTypeOf<SessionHandle['subagent']>().returns.toEqualTypeOf<SubagentHandle>();
  expectTypeOf<SubagentHandle['steer']>().returns.resolves.toEqualTypeOf<Receipt>();
  expectTypeOf<SubagentHandle['kill']>().returns.resolves.toEqualTypeOf<KillReport>();
  expectTypeOf<SubagentHandle['result']>().returns.resolves.toEqualTypeOf<Outcome>();

  const spawning = (session: SessionHandle) => ({
    one: session.spawn({ label: 'a', task: 't', timeout: '45m', thinking: true }),
    several: session.spawn([{ label: 'a', task: 't' }]),
    // @ts-expect-error a spec has a task
    incomplete: () => session.spawn({ label: 'a' }),
    // @ts-expect-error there is no such field
    unknown: () => session.spawn({ label: 'a', task: 't', repository: '.' }),
  });
  expectTypeOf(spawning).returns.toHaveProperty('one').resolves.toEqualTypeOf<SpawnedSubagent>();
  expectTypeOf(spawning)
    .returns.toHaveProperty('several')
    .resolves.toEqualTypeOf<(SpawnedSubagent | SpawnRefusal)[]>();

  expectTypeOf<SessionHandle['announcements']>().returns.toExtend<AsyncIterable<Announcement>>();
  expectTypeOf<SubagentHandle['transcript']>().returns.toExtend<AsyncIterable<TranscriptEntry>>();
});
