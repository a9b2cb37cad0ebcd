import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Folders from top to bottom: each may import those below it, never those above it. CONTRIBUTING says what is in them. */
const LAYERS = [
  'src/cli',
  'src/mcp',
  'src/extension',
  'src/demo',
  'src/tools',
  'src/client',
  'src/worker',
  'workflows',
  'activities',
  'src/checks',
  'src/chain',
  'src/copilot',
  'src/home',
  'src/git',
  'src/sandbox',
  'src/environment',
  'src/temporal',
  'src/store',
  'src/keys',
  'src/policy',
  'src/system',
  'src/prompts',
  'src/contract',
];
/** Workflows are deterministic: they know nothing of the machine. */
const OF_WORKFLOWS = ['src/contract', 'src/prompts', 'src/chain'];

/** Git runs by a handle (`src/git/git.ts`): these start it without the handle's guard. */
const UNGUARDED = {
  regex: '/run\\.ts$',
  importNamePattern: '^(runGit|programOf)$',
  message: 'git runs by a handle: see src/git/git.ts',
};
/** What finds out what the guard needs to know. */
const OF_THE_GUARD = ['git.ts', 'trust/configuration.ts', 'worktrees/submodule-tree.ts'];

/**
 * A rule against imports of `folders`, and of more where given.
 * @param {readonly string[]} folders
 * @param {string} message
 * @param {readonly object[]} more
 * @returns {import('eslint').Linter.RulesRecord}
 */
const forbid = (folders, message, more = []) => ({
  'no-restricted-imports': [
    'error',
    {
      patterns: [
        {
          regex: `^(\\.\\./)+(${folders.map((folder) => folder.replace('src/', '(src/)?')).join('|')})/`,
          message,
        },
        ...more,
      ],
    },
  ],
});

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/'] },
  {
    files: ['**/*.ts'],
    extends: [js.configs.recommended, ...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `return done()` and `async () => void (await done())` are short, and say what they mean.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // It does not see what a callback has written since, nor what other versions of a server leave out.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // States of workflows are JSON: their maps are objects.
      '@typescript-eslint/no-dynamic-delete': 'off',
      // The interfaces of Temporal and the generated types of gRPC are as they are.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // What a test takes for granted shows when it is not so.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'off',
      // Keeps what looks like a secret from standing in the repository as one.
      '@typescript-eslint/no-unnecessary-template-expression': 'off',
      // What Temporal deprecates has to go on working with us.
      '@typescript-eslint/no-deprecated': 'off',
    },
  },
  {
    files: ['scripts/**/*.mjs', '*.config.js'],
    extends: [js.configs.recommended],
    languageOptions: {
      globals: { console: 'readonly', process: 'readonly', URL: 'readonly', AbortController: 'readonly' },
    },
  },
  ...LAYERS.slice(1).map((folder, index) => ({
    files: [`${folder}/**/*.ts`],
    ignores: OF_THE_GUARD.map((file) => `src/git/${file}`),
    rules: forbid(LAYERS.slice(0, index + 1), `it is above ${folder}: see the map in CONTRIBUTING`, [
      UNGUARDED,
    ]),
  })),
  {
    files: OF_THE_GUARD.map((file) => `src/git/${file}`),
    rules: forbid(
      LAYERS.slice(0, LAYERS.indexOf('src/git')),
      'it is above src/git: see the map in CONTRIBUTING',
    ),
  },
  {
    files: ['workflows/**/*.ts'],
    rules: forbid(
      LAYERS.filter((folder) => folder !== 'workflows' && !OF_WORKFLOWS.includes(folder)),
      'workflows are deterministic, and know nothing of the machine',
      [{ group: ['node:*'], message: 'workflows are deterministic' }],
    ),
  },
);
