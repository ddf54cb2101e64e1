// Prints `N passed, N failed` as the last line; failed steps other than tests count as failures too.
import { readFileSync } from 'node:fs'

const [, , path, failedSteps] = process.argv
let passed = 0
let failed = 1
let suites = 0
try {
  const results = JSON.parse(readFileSync(path, 'utf8'))
  passed = results.numPassedTests
  failed = results.numFailedTests
  suites = results.numRuntimeErrorTestSuites
} catch {
  console.log('no test results were written')
}
const others = Number(failedSteps) - (failed + suites > 0 && Number(failedSteps) > 0 ? 1 : 0)
const allFailed = failed + suites + others
console.log(`${passed} passed, ${allFailed} failed`)
process.exit(allFailed === 0 && passed > 0 ? 0 : 1)
