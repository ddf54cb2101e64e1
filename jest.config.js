// Tests run from the TypeScript sources: the export condition `@dromos/source` points each workspace package at src/.
export default {
  testMatch: ['<rootDir>/{packages,services}/*/test/**/*.test.ts', '<rootDir>/bench/test/**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testEnvironmentOptions: { customExportConditions: ['@dromos/source', 'node', 'node-addons'] },
  globalSetup: '<rootDir>/packages/local/test-database/setup.mjs',
  globalTeardown: '<rootDir>/packages/local/test-database/teardown.mjs',
  reporters: ['default', '<rootDir>/packages/local/leak-canary/reporter.mjs'],
  modulePathIgnorePatterns: ['<rootDir>/.dromos', '/dist/'],
  // Most suites wait for processes and sockets: every core gets a worker.
  maxWorkers: '100%',
  // For machines that do other things, too; nothing here sleeps.
  testTimeout: 60_000,
}
