import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from '@jest/globals'
import { type RawServer, startHttp } from './raw-server.js'

// A process that stands still (SIGSTOP, a paused machine) while its call is under way, for longer than the call may take.

const program = fileURLToPath(new URL('./one-call.mjs', import.meta.url))
const totalMs = 1_000

let child: ChildProcess | undefined
let server: RawServer | undefined
afterEach(async () => {
  child?.kill('SIGKILL')
  await server?.close()
})

/** `meanwhile` happens between the freeze, right after the request was sent, and the thaw, long after the deadline. */
async function callFrozen(meanwhile: (response: ServerResponse) => void): Promise<unknown> {
  let thaws: Promise<void> | undefined
  server = await startHttp((_request, response) => {
    child?.kill('SIGSTOP')
    meanwhile(response)
    thaws = pause(totalMs * 2).then(() => void child?.kill('SIGCONT'))
  })
  child = spawn(process.execPath, [program, String(server.port), String(totalMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.stdout === null) throw new Error('no standard output')
  const [said] = await Promise.all([text(child.stdout), once(child, 'exit')])
  await thaws
  return JSON.parse(said)
}

describe('a process that is thawed after the deadline of its call', () => {
  test('takes the answer that came while it was frozen', async () => {
    const answered = await callFrozen((response) => response.writeHead(200).end('a new refresh token'))
    expect(answered).toEqual({ kind: 'answer', status: 200, body: 'a new refresh token' })
  })

  test('waits no longer for one that has not come', async () => {
    const answered = await callFrozen(() => undefined)
    expect(answered).toEqual({ kind: 'in_doubt', why: 'answer_timeout' })
  })
})
