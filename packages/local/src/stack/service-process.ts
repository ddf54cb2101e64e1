import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { request } from 'undici'
import { logSince, logSize } from '../log-file.js'
import { Problem } from '../problem.js'
import { armWatchdog } from '../watchdog.js'
import { argumentsOf, type Environment, type Service } from './services.js'

const READY_DEADLINE_MS = 60_000
const DRAIN_DEADLINE_MS = 20_000
const MAX_LOG_BYTES = 10_000_000

/** One running service. Its output goes to a log file; `lastLines` is what it said since this start. */
export class ServiceProcess {
  /** Resolves when the process has ended, asked to or not. */
  readonly exited: Promise<void>
  readonly logFile: string
  readonly #child: ChildProcess
  readonly #logStart: number

  constructor(
    readonly service: Service,
    logDirectory: string,
  ) {
    if (!existsSync(service.program))
      throw new Problem(`the ${service.name} is not compiled (${service.program} is missing)`)
    this.logFile = join(logDirectory, `${service.logName}.log`)
    if (logSize(this.logFile) > MAX_LOG_BYTES) truncateSync(this.logFile)
    this.#logStart = logSize(this.logFile)
    const log = openSync(this.logFile, 'a', 0o600)
    // Detached: Ctrl-C would otherwise reach all of them at once, and we could not stop them in order.
    this.#child = spawn(process.execPath, argumentsOf(service.program), {
      env: service.environment,
      detached: true,
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    const watchdog = this.#child.pid === undefined ? undefined : armWatchdog({ pid: this.#child.pid, signal: 'TERM' })
    this.exited = new Promise((done) => {
      const finish = () => {
        watchdog?.disarm()
        done()
      }
      this.#child.once('exit', finish)
      this.#child.once('error', finish)
    })
  }

  /** Undefined when it could not be started at all. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Waits until `readyUrl` answers 200. Throws a Problem with the service's last words when it does not come to that. */
  async waitUntilReady(signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + READY_DEADLINE_MS
    while (Date.now() < deadline) {
      signal.throwIfAborted()
      if (this.#hasEnded()) throw new Problem(`the ${this.service.name} ended while starting. ${this.lastWords()}`)
      if (await answersOk(this.service.readyUrl)) return
      await pause(25)
    }
    throw new Problem(`the ${this.service.name} was not ready after ${READY_DEADLINE_MS / 1000} s. ${this.lastWords()}`)
  }

  /** SIGTERM, time to finish what is in flight, then SIGKILL. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.kill(), DRAIN_DEADLINE_MS)
    await this.exited
    clearTimeout(timer)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  lastWords(): string {
    const said = logSince(this.logFile, this.#logStart)
    return said === '' ? `It wrote nothing to ${this.logFile}.` : `Its last lines (${this.logFile}):\n${said}`
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined
  }
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const answer = await request(url, { headersTimeout: 5_000, bodyTimeout: 5_000 })
    await answer.body.dump()
    return answer.statusCode === 200
  } catch {
    return false
  }
}

/** Runs one of our commands to its end and returns what it printed. Throws a Problem with its last words. */
export async function runCommand(title: string, program: string, options: string[], env: Environment): Promise<string> {
  if (!existsSync(program)) throw new Problem(`${title} is not compiled (${program} is missing)`)
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...options], { env, timeout: 120_000 })
    return stdout
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause)
    throw new Problem(`${title} failed:\n${said.split('\n').slice(-20).join('\n')}`, { cause })
  }
}
