import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { armWatchdog } from '@dromos/local'

// Owns `admin.js rotate-keys` as an operating system process. Does not own what it does.

const program = fileURLToPath(new URL('../../../services/broker/dist/admin.js', import.meta.url))

export type RotationCommand = {
  /** SIGKILL, and waits for the end. Nothing when it has ended. */
  kill(): Promise<void>
  /** Exit status; null when it was killed. */
  ended: Promise<number | null>
}

export function startRotationCommand(options: {
  args: readonly string[]
  environment: Readonly<Record<string, string>>
  logDirectory: string
}): RotationCommand {
  const log = openSync(join(options.logDirectory, 'rotate-keys.log'), 'a', 0o600)
  const child = spawn(process.execPath, [program, 'rotate-keys', ...options.args], {
    env: options.environment,
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const watchdog = child.pid === undefined ? undefined : armWatchdog({ pid: child.pid, signal: 'KILL' })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      watchdog?.disarm()
      resolve(code)
    })
  })
  ended.catch(() => undefined) // told to whoever waits for it
  return {
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    ended,
  }
}
