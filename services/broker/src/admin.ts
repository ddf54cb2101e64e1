import { ServiceError } from '@dromos/contract'
import { ConfigurationError } from '@dromos/runtime'
import { CommanderError } from 'commander'
import { describeCommands } from './admin-commands.js'

// The operator's command line as a process. What it can do: admin-commands.ts.

const { stdout, stderr } = process

const commands = describeCommands({
  environment: process.env,
  terminal: {
    print: (text) => void stdout.write(`${text}\n`),
    isInteractive: stderr.isTTY === true,
    showProgress: (text) => void stderr.write(stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`),
  },
  fail: () => void (process.exitCode = 1),
})

try {
  await commands.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

// 64 and 78 are EX_USAGE and EX_CONFIG of sysexits.h. commander has already said what is wrong with the usage.
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 64
  const isForPeople = error instanceof ServiceError || error instanceof ConfigurationError
  process.stderr.write(`error: ${isForPeople ? error.message : 'the command failed; is the database migrated?'}\n`)
  return error instanceof ConfigurationError ? 78 : 1
}
