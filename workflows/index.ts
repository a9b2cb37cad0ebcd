export { chain } from './chain.ts';
export { clean } from './clean.ts';
export { page } from './page.ts';
export { session } from './session.ts';
export { subagent } from './subagent.ts';
export { transcript } from './transcript.ts';
