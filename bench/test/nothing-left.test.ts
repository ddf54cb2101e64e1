import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

// The command as a process of its own, told apart from everybody else's by its temporary directory.

const program = new URL('../dist/main.js', import.meta.url).href
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dromos-bench-left-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Processes whose environment or command line names the directory. */
function relatives(): string[] {
  const read = (pid: string, file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8')
    } catch {
      return ''
    }
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => `${read(pid, 'environ')}${read(pid, 'cmdline')}`.includes(directory))
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(50)
}

describe.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('%s in the middle of a measurement', (signal) => {
  const testOnLinux = existsSync('/proc/self/environ') ? test : test.skip

  testOnLinux(
    'leaves no server, no floor, no load and no database running',
    async () => {
      const script = `const { runBench } = await import('${program}'); process.exitCode = await runBench(['P1', '--seconds', '30', '--rows', '10', '--json', '${join(directory, 'bench.json')}'], process.env)`
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        env: { ...process.env, TMPDIR: directory },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = new Promise((resolve) => child.once('exit', (status) => resolve(status)))
      let output = ''
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      await until(() => output.includes('warming up F1'))
      // gateway, broker, two floors, the load, the command itself, PostgreSQL and the watchdogs
      expect(relatives().length).toBeGreaterThan(6)
      child.kill(signal)
      expect(await ended).toBe(signal === 'SIGKILL' ? null : 1)
      await until(() => relatives().length === 0)
    },
    120_000,
  )
})
