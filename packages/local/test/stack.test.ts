import { expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'

const DEMO = new URL('../dist/demo.js', import.meta.url).href
const PROGRAM =
  'const { runDemo } = await import(process.argv[1]); process.exitCode = await runDemo("own-stack", process.env)'

/** `npm run demo` without the compile step, on a stack of its own whatever else runs here. */
async function runDemo(until: RegExp | undefined): Promise<{ code: number | null; printed: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, DEMO], {
    cwd: fileURLToPath(new URL('../', import.meta.url)),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  let isInterrupted = false
  const listen = (chunk: Buffer) => {
    printed += chunk.toString('utf8')
    if (!until?.test(printed) || isInterrupted) return
    isInterrupted = true
    child.kill('SIGINT')
  }
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  const [code] = await once(child, 'close')
  return { code, printed }
}

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith('dromos-demo-'))

test('a whole connection works over HTTP and over gRPC, and nothing is left behind', async () => {
  const before = leftovers()
  const { code, printed } = await runDemo(undefined)
  expect({ code, printed }).toEqual({
    code: 0,
    printed: expect.stringMatching(/HTTP[\s\S]*gRPC[\s\S]*Every step worked/),
  })
  expect(leftovers()).toEqual(before)
}, 60_000)

test('a demo that is interrupted while it starts stops what it started', async () => {
  const before = leftovers()
  const { code, printed } = await runDemo(/migrations/)
  expect({ code, printed }).toEqual({ code: 1, printed: expect.stringContaining('interrupted') })
  expect(leftovers()).toEqual(before)
}, 60_000)
