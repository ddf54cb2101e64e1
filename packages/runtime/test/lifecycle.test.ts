import { spawnSync } from 'node:child_process'
import { expect, test } from '@jest/globals'

const serviceThat = (fails: string): string => `
  import { createLogger, runService } from '@dromos/runtime'
  const log = createLogger({ service: 'test', level: 'fatal' })
  const close = async () => console.log('{"msg":"drained"}')
  await runService({ log, drainDeadlineMs: 5000, start: async () => ({ close }) })
  ${fails}
  setTimeout(() => process.exit(9), 5000)`

test.each([
  ['an unhandled rejection', `Promise.reject(new Error('token at_12345'))`],
  ['an exception nobody caught', `setImmediate(() => { throw new Error('token at_12345') })`],
])('%s is one log line without its message, a drain, and exit code 1', (_what, fails) => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', serviceThat(fails)],
    { encoding: 'utf8' },
  )
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
  expect(stdout).not.toContain('at_12345')
  const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as object) // prettier-ignore
  // The logger gathers the lines of a turn, so its line may come behind what is printed at once.
  expect(lines).toHaveLength(2)
  expect(lines).toContainEqual({ msg: 'drained' })
  expect(lines).toContainEqual(expect.objectContaining({ msg: 'unhandled error', level: 'fatal' }))
})
