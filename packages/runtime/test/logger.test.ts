import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { createLogger } from '../src/index.js'

function logged(write: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = []
  write(createLogger({ service: 'test', level: 'info', destination: { write: (line) => lines.push(line) } }))
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('a log line', () => {
  test('withholds fields named like a secret, at the top and in objects, and keeps the rest', () => {
    const fields = {
      code: 'c',
      connectionId: 'cn_1',
      answer: { refresh_token: 'r', expires_in: 3, deep: { password: 'p' } },
    }
    const [line] = logged((log) => log.info(fields, 'm'))
    expect(line).toMatchObject({
      code: '[redacted]',
      connectionId: 'cn_1',
      answer: { refresh_token: '[redacted]', expires_in: 3, deep: { password: '[redacted]' } },
    })
  })

  test('ends although an object refers to itself, and describes an error inside one as any other', () => {
    const data: Record<string, unknown> = { why: Object.assign(new Error('said'), { body: 'token' }) }
    data.itself = data
    const [line] = logged((log) => log.info({ data }, 'm'))
    expect(line).toMatchObject({ data: { why: { type: 'Error', message: '(message withheld)' } } })
    expect(JSON.stringify(line)).not.toMatch(/said|token/)
  })

  test('does not change the object it was given', () => {
    const fields = { list: [1], answer: { code: 'c' } }
    logged((log) => log.info(fields, 'm'))
    expect(fields).toEqual({ list: [1], answer: { code: 'c' } })
  })

  test('shows the code of an error, not its message and no other property', () => {
    const error = Object.assign(new Error('connect to 10.0.0.1'), { code: 'ECONNREFUSED', body: 'token' })
    const [line] = logged((log) => log.error({ error }, 'm'))
    expect(line?.error).toMatchObject({ type: 'Error', message: '(message withheld)', code: 'ECONNREFUSED' })
    expect(JSON.stringify(line)).not.toMatch(/10\.0\.0\.1|token/)
  })
})

describe('stdout', () => {
  // A process of its own: what is lost at its end can be seen from outside only.
  const run = (program: string): string[] => {
    const url = new URL('../dist/index.js', import.meta.url).href
    const source = `const { createLogger } = await import('${url}'); const log = createLogger({ service: 't', level: 'info' }); ${program}`
    const result = execFileSync(process.execPath, ['--input-type=module', '-e', source], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      encoding: 'utf8',
    })
    return result.trim().split('\n')
  }

  test('gets every line in order when the process exits in the turn that logged them', () => {
    const lines = run('for (let i = 0; i < 3000; i++) log.info({ i }, "line"); process.exit(0)')
    expect(lines.map((line) => (JSON.parse(line) as { i: number }).i)).toEqual(
      Array.from({ length: 3000 }, (_, i) => i),
    )
  })

  test('gets the lines of a turn without waiting for more of them', () => {
    // reallyExit ends the process without its exit event.
    expect(run('log.info({}, "one"); setTimeout(() => process.reallyExit(0), 50)')).toHaveLength(1)
  })
})
