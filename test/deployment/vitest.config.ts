import { defineConfig } from 'vitest/config';

/** `npm run test:server`: what takes a server built from source. The first build takes minutes. */
export default defineConfig({
  test: {
    include: ['test/deployment/*.server.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/each-file.ts'],
    testTimeout: 240_000,
    hookTimeout: 1_800_000,
    pool: 'forks',
    // The first builds the server that all of them start.
    fileParallelism: false,
  },
});
