// Owns what a run of jest tells its suites. jest hands nothing from its global set-up to the processes of the suites but the
// environment, so this file reads it, beside the commands.

/** What test-database/setup.mjs has left for the suites; undefined outside of a run. */
export type TestRun = {
  /** The migrated database that suites copy. */
  templateUrl: string | undefined
  /** The file that collects what was searched for secrets. */
  leakReport: string | undefined
}

export const currentTestRun = (): TestRun => ({
  templateUrl: process.env['DROMOS_TEST_DATABASE_URL'],
  leakReport: process.env['DROMOS_LEAK_REPORT'],
})
