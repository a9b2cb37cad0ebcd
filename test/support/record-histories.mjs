// Records what running workflows look like, for the replay test: node test/support/record-histories.mjs [NAME-PREFIX]
import { register } from 'node:module';

register('./typescript-node20-hooks.mjs', import.meta.url);
const { recordHistories } = await import('./record-histories.ts');
await recordHistories(process.argv[2] ?? '');
