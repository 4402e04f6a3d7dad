// The lint rules: typescript-eslint's type-checked sets, because a queue client lives on promises, and the project's own
// habits (where time, randomness, console and the environment may be touched).
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const injected = 'it is a parameter (src/domain/clock.ts), so that a seeded simulation can run this code';
const timers = ['setTimeout', 'setInterval', 'setImmediate', 'performance'];

export default defineConfig(
  { ignores: ['build/', 'dist/', 'coverage/', 'data/', 'node_modules/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // == null is null or undefined, and nothing else.
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'prefer-const': ['error', { destructuring: 'all' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': [
        'error',
        // The runner itself waits for its tests.
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'suite', 'describe', 'it'] },
          ],
        },
      ],
      // Numbers are at home in messages.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // { secret: _, ...rest } leaves a field out.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      // Factories return objects of functions that do not know `this`.
      '@typescript-eslint/unbound-method': 'off',
      // A function may be async because its interface is.
      '@typescript-eslint/require-await': 'off',
      // A parameter used once can still say what a caller gets.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // The compiler does not see what a callback changes: it calls every second look at a state unnecessary.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // `void` marks a value that is thrown away, and stands in unions of answers.
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      // () => server.close() is a statement with a value that nobody reads.
      '@typescript-eslint/no-confusing-void-expression': 'off',
    },
  },
  {
    // Types are checked by tsc (console/tsconfig.json), markup by a test and by the page's own policy.
    files: ['console/*.js'],
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'no-var': 'error',
      'prefer-const': ['error', { destructuring: 'all' }],
      'no-eval': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: 'only entries of processes and src/roles end the process' },
      ],
    },
  },
  {
    // It keeps a file of JOBS_DIR from ending the process.
    files: ['src/jobs/load-jobs.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['src/enqueue/**/*.ts', 'src/faktory/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...timers.map((name) => ({ name, message: injected }))],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: 'only src/main.ts and src/roles end the process' },
        { object: 'Date', property: 'now', message: injected },
        { object: 'Math', property: 'random', message: injected },
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: ['node:timers', 'node:timers/promises', 'node:perf_hooks'].map((name) => ({
            name,
            message: injected,
          })),
        },
      ],
    },
  },
  {
    // Parsed answers are looked at by assertions: a wrong shape fails the test.
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: Object.fromEntries(
      [
        'unsafe-argument',
        'unsafe-assignment',
        'unsafe-call',
        'unsafe-member-access',
        'unsafe-return',
        'non-null-assertion',
      ].map((what) => [`@typescript-eslint/no-${what}`, 'off']),
    ),
  },
  {
    files: ['test/**/*.ts'],
    ignores: ['test/helpers/children.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          name: 'node:child_process',
          importNames: ['spawn', 'fork', 'exec', 'execFile'],
          message: 'a process that a test starts ends with it: spawnChild of test/helpers/children.ts',
        },
      ],
    },
  },
  {
    files: ['src/main.ts', 'src/handlers/handler-main.ts', 'src/roles/**/*.ts', 'bench/**/*.ts', 'test/**/*.ts'],
    rules: { 'no-console': 'off', 'no-restricted-properties': 'off' },
  },
);
