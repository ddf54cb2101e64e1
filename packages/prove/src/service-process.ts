import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { argumentsOf, armWatchdog, programOf } from '@dromos/local'

// Owns one of our services as an operating system process.

export type ServiceProcess = {
  incarnation: string
  pid: number | undefined
  /** Waits until the address answers 200. Throws when the process ends or a minute passes. */
  ready(readyUrl: string): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Sends the signal and waits for the end. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
  endedUnasked(): boolean
}

const readyDeadlineMs = 60_000

export function startServiceProcess(options: {
  service: 'broker' | 'gateway'
  incarnation: string
  environment: Record<string, string>
  logDirectory: string
}): ServiceProcess {
  const logFile = join(options.logDirectory, `${options.incarnation}.log`)
  const log = openSync(logFile, 'a', 0o600)
  // Detached: Ctrl-C would otherwise reach every process at once. The watchdog ends it if we are killed.
  const child = spawn(process.execPath, argumentsOf(programOf(options.service)), {
    env: options.environment,
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const watchdog = child.pid === undefined ? undefined : armWatchdog({ pid: child.pid, signal: 'KILL' })
  let wasAsked = false
  const ended = new Promise<void>((resolve) => {
    const finish = (): void => {
      watchdog?.disarm()
      resolve()
    }
    child.once('exit', finish)
    child.once('error', finish)
  })
  return {
    incarnation: options.incarnation,
    pid: child.pid,
    async ready(readyUrl) {
      const giveUpAtMs = performance.now() + readyDeadlineMs
      while (performance.now() < giveUpAtMs && !hasEnded(child)) {
        if (await answersOk(readyUrl)) return
        await pause(40)
      }
      throw new Error(`${options.incarnation} did not become ready: see ${logFile}`)
    },
    signal: (signal) => void child.kill(signal),
    async end(signal) {
      wasAsked = true
      if (!hasEnded(child)) child.kill(signal)
      await ended
    },
    endedUnasked: () => hasEnded(child) && !wasAsked,
  }
}

const hasEnded = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null || child.pid === undefined

async function answersOk(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) })
    await answer.arrayBuffer()
    return answer.ok
  } catch {
    return false
  }
}
