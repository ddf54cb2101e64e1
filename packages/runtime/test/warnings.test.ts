import { spawnSync } from 'node:child_process'
import { expect, test } from '@jest/globals'

const service = `
  import { createLogger, runService } from '@dromos/runtime'
  const log = createLogger({ service: 'test', level: 'warn' })
  await runService({ log, drainDeadlineMs: 1000, start: async () => ({ close: async () => {} }) })
  process.emitWarning('The URL http://[::1 is invalid', 'DeprecationWarning', 'DEP0170')
  setTimeout(() => process.exit(0), 50)`

test('a warning of node becomes one log line that quotes nothing a caller sent', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', service], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(stdout).not.toContain('[::1')
  expect(JSON.parse(stdout)).toMatchObject({ level: 'warn', msg: 'node warns', warning: 'DEP0170' })
})
