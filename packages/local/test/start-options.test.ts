import { expect, test } from '@jest/globals'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { freePort } from '../src/free-port.js'
import { refuseBusyPorts } from '../src/stack/busy-ports.js'
import { readPorts } from '../src/start.js'

test('a flag wins over a variable, and a variable over the default', () => {
  expect(readPorts(['--port-grpc', '7002'], { PORT_HTTP: '7001' })).toEqual({
    broker: 8080,
    http: 7001,
    grpc: 7002,
    provider: 8085,
  })
  expect(readPorts(['--port-http', '7003'], { PORT_HTTP: '7001' }).http).toBe(7003)
})

test.each(['0', '65536', 'web', '1.5'])('"%s" is not taken for a port', (text) => {
  expect(() => readPorts(['--port-http', text], {})).toThrow(/is not a port \(--port-http or PORT_HTTP\)/)
})

test('a busy port is named with the setting that changes it', async () => {
  const occupant = createServer().listen(0)
  await once(occupant, 'listening')
  const address = occupant.address()
  const http = typeof address === 'object' && address !== null ? address.port : 0
  const ports = {
    broker: await freePort(undefined),
    grpc: await freePort(undefined),
    provider: await freePort(undefined),
    http,
  }
  await expect(refuseBusyPorts(ports)).rejects.toThrow(
    `port ${http} (gateway, HTTP) is taken: stop what uses it, or start with --port-http <n> or PORT_HTTP=<n>`,
  )
  occupant.close()
})
