// Owns the process of the command dromos-lab: its streams, its signals, its exit code.
import { readFileSync } from 'node:fs'
import { presetList } from '../presets/catalogue.js'
import { switchList } from '../switches/switch-list.js'
import { parseArguments, type Arguments, type StartArguments } from './arguments.js'
import { presetTable, switchTable } from './print.js'
import { start } from './start.js'
import { usage, UsageError } from './usage.js'

const print = (text: string): void => void process.stdout.write(text)
const asJson = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`

async function run(wish: Arguments): Promise<void> {
  switch (wish.command) {
    case 'help':
      return print(usage)
    case 'version':
      return print(`${ownVersion()}\n`)
    case 'switches':
      return print(wish.json ? asJson(switchList()) : switchTable())
    case 'presets':
      return print(wish.json ? asJson(presetList()) : presetTable())
    case 'start':
      return runUntilSignal(wish)
  }
}

async function runUntilSignal(wish: StartArguments): Promise<void> {
  const running = await start(wish, print)
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
  // A second signal finds no listener any more and ends the process at once.
  await running.close()
}

// A reader that closes the pipe, such as `head`, has seen enough.
process.stdout.on('error', () => process.exit(0))

function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return /"version": "([^"]+)"/.exec(text)?.[1] ?? 'unknown'
}

/** What to do about it, after what is wrong. */
function hintOf(error: unknown): string {
  if (error instanceof UsageError) return '\nTry: dromos-lab --help'
  const isAboutPort = error instanceof Error && error.message.startsWith('port ')
  return isAboutPort ? ': choose another with --port, --control-port or --dns-port, or 0 for any' : ''
}

try {
  await run(parseArguments(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`dromos-lab: ${error instanceof Error ? error.message : 'failed'}${hintOf(error)}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
