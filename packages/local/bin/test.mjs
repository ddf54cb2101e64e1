import { join } from 'node:path'
import { runInForeground } from './foreground.mjs'
import { prepare, root } from './prepare.mjs'

const usage = `Usage: npm test [-- jest options]

Runs every test on a real, throw-away PostgreSQL. Installs and compiles first when needed.

  npm test -- services/broker          one workspace
  npm test -- -t 'a refresh keeps'     tests by title
  TEST_DATABASE_URL=postgres://...     uses that server instead of the embedded one`

if (process.argv.includes('--help')) {
  console.log(usage)
} else {
  await prepare()
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js')
  const options = ['--experimental-vm-modules', '--no-warnings', jest, '--rootDir', root, ...process.argv.slice(2)]
  runInForeground(options, process.env)
}
