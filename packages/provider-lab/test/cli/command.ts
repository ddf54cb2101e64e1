import { afterEach } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../bin/dromos-lab.mjs', import.meta.url))

const running = new Set<ChildProcess>()

// A test that fails half-way leaves no process behind.
afterEach(() => running.forEach((child) => child.kill('SIGKILL')))

export type Command = {
  /** Everything printed so far on both streams. */
  printed(): string
  /** Resolves with the first match once it is printed; rejects when the command ends first. */
  prints(pattern: RegExp): Promise<RegExpMatchArray>
  signal(name: NodeJS.Signals): void
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** The command as a process of its own; `command` replaces the one of this package. */
export function runCommand(args: readonly string[], command = [process.execPath, bin], cwd?: string): Command {
  const [file = '', ...first] = command
  const child = spawn(file, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'], ...(cwd && { cwd }) })
  running.add(child)
  child.once('close', () => running.delete(child))
  let text = ''
  const watchers = new Set<() => void>()
  const more = (chunk: Buffer): void => {
    text += chunk.toString()
    watchers.forEach((look) => look())
  }
  child.stdout.on('data', more)
  child.stderr.on('data', more)
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal })),
  )
  return {
    printed: () => text,
    prints: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = text.match(pattern)
          if (!found) return
          watchers.delete(look)
          resolve(found)
        }
        watchers.add(look)
        void ended.then(() => reject(new Error(`ended without printing ${String(pattern)}:\n${text}`)))
        look()
      }),
    signal: (name) => void child.kill(name),
    ended,
  }
}
