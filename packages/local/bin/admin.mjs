import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInForeground } from './foreground.mjs'
import { fail, prepare, root } from './prepare.mjs'

const usage = `Usage: npm run admin -- <command>

The broker's administration command, on the stack that "npm start" runs, or on the broker whose environment you give
(DATABASE_URL, ENCRYPTION_KEY, ...). Its commands: npm run admin -- help`

if (process.argv.length === 2 || process.argv[2] === '--help') {
  console.log(usage)
} else {
  await prepare()
  runInForeground([join(root, 'services', 'broker', 'dist', 'admin.js'), ...process.argv.slice(2)], brokerEnvironment())
}

function brokerEnvironment() {
  if (process.env.DATABASE_URL) return process.env
  const file = join(root, '.dromos', 'broker-environment.json')
  if (!existsSync(file))
    fail('No local stack is running: run "npm start" first, or set DATABASE_URL and the broker\'s keys.')
  return { ...process.env, ...JSON.parse(readFileSync(file, 'utf8')) }
}
