import { builtinModules } from 'node:module';
import js from '@eslint/js';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import importX from 'eslint-plugin-import-x';
import globals from 'globals';
import tseslint from 'typescript-eslint';
import { oneWayImports } from './scripts/lint/one-way-imports.mjs';

/** What Temporal's workflow sandbox provides; every other module of Node is missing there or differs between replays. */
const SANDBOX_MODULES = new Set(['assert', 'url', 'util']);
const FORBIDDEN_MODULES = builtinModules.filter(
  (name) => !SANDBOX_MODULES.has(name) && !name.startsWith('node:'),
);

/** Deterministic code: a replay must take the same path, so nothing may come from the machine, the clock or the net. */
const determinism = {
  '@typescript-eslint/no-restricted-imports': [
    'error',
    {
      paths: FORBIDDEN_MODULES.flatMap((name) => [name, `node:${name}`]).map((name) => ({
        name,
        message: 'Workflow code is replayed: do this in an activity.',
      })),
      patterns: [
        {
          group: [
            '@aws-sdk/*',
            '@duckdb/*',
            ...['activity', 'client', 'worker', 'testing'].map((name) => `@temporalio/${name}`),
            'libsql',
            'zod',
            'pino',
          ],
          message: 'Workflow code runs in a sandbox: do this in an activity.',
          allowTypeImports: true,
        },
      ],
    },
  ],
  'no-restricted-globals': [
    'error',
    ...['process', 'console', 'fetch', 'performance', 'WeakRef', 'FinalizationRegistry', 'Buffer'].map(
      (name) => ({
        name,
        message:
          'Not in workflow code: it differs between replays. Use @temporalio/workflow, or an activity.',
      }),
    ),
    ...['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({
      name,
      message: 'Use sleep() of @temporalio/workflow: it obeys cancellation scopes.',
    })),
  ],
  'no-restricted-syntax': [
    'error',
    { selector: 'ImportExpression', message: 'Workflow code is one bundle: import statically.' },
  ],
};

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.tools/', '.akosha/', '.mutants/', 'samples/'] },
  js.configs.recommended,
  { languageOptions: { globals: globals.node }, linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    plugins: { 'import-x': importX, akosha: { rules: { 'one-way-imports': oneWayImports } } },
    settings: {
      ...importX.flatConfigs.typescript.settings,
      'import-x/resolver-next': [createTypeScriptImportResolver()],
    },
    rules: {
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'akosha/one-way-imports': 'error',
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-deprecated': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      // A leading underscore says that a name is there for its place only.
      '@typescript-eslint/no-unused-vars': [
        'error',
        {
          argsIgnorePattern: '^_',
          varsIgnorePattern: '^_',
          destructuredArrayIgnorePattern: '^_',
          ignoreRestSiblings: true,
        },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Numbers read well in messages; anything else in a template is a mistake.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    // The test runner's matchers are typed any, and its spies are methods without their object.
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off', '@typescript-eslint/unbound-method': 'off' },
  },
  // Programs for a person: what they print is their work.
  { files: ['src/cli/**', 'scripts/**', 'bench/**'], rules: { 'no-console': 'off' } },
  { files: ['src/workflows/**/*.ts', 'src/contract/**/*.ts'], rules: determinism },
);
