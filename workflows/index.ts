export { chain } from './chain/chain.ts';
export { clean } from './subagent/clean.ts';
export { page } from './session/page.ts';
export { session } from './session/session.ts';
export { subagent } from './subagent/subagent.ts';
export { transcript } from './subagent/transcript.ts';
export { doctor } from './worker/doctor.ts';
export { worker } from './worker/worker.ts';
