import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Pool } from 'undici'
import { Cut, exchangeOnce } from '../src/broker-exchange.js'

const seen: string[] = []
const held: ServerResponse[] = []
const server = createServer((request, response) => {
  seen.push(request.url ?? '')
  if (request.url === '/held') held.push(response)
  else response.end('answered')
})
let pool: Pool

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  pool = new Pool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 1 })
})
afterAll(async () => {
  await pool.destroy()
  server.close()
})

const get = (path: string, cut = new Cut()) => exchangeOnce(pool, { method: 'GET', path }, cut)

test('a request that waits for a connection is given up at once, and is never sent', async () => {
  const first = get('/held')
  const cut = new Cut()
  const waiting = get('/never', cut)
  const reason = new Error('the caller went away')
  cut.make(reason)
  await expect(waiting).rejects.toBe(reason)
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
  held.pop()?.end('late')
  expect((await first).body.toString()).toBe('late')
  expect((await get('/after')).body.toString()).toBe('answered')
  expect(seen).toEqual(['/held', '/after'])
})

test('a request that was cut before it began rejects with the reason', async () => {
  const cut = new Cut()
  const reason = new Error('too late')
  cut.make(reason)
  cut.make(new Error('a second reason'))
  await expect(get('/before', cut)).rejects.toBe(reason)
})
