import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** `npm run test:server`: what takes a server built from source. The first build takes minutes. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({
    test: {
      include: ['test/deployment/*.server.ts'],
      hookTimeout: 1_800_000,
      // The first builds the server that all of them start.
      fileParallelism: false,
    },
  }),
);
