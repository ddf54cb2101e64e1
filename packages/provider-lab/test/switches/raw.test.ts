import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { connect } from 'node:net'
import { startProviderLab, type LabProvider, type LabSwitch, type ProviderLab } from '../../src/index.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

type Heard = { pieces: string[]; end: 'fin' | 'left' }

/** Refreshes on a bare socket and tells what came, piece by piece; leaves after `leaveAfter` pieces. */
async function rawRefresh(
  name: LabSwitch,
  value?: unknown,
  leaveAfter = Infinity,
): Promise<Heard & { provider: LabProvider }> {
  const provider = lab.createProvider({ oidc: false, clientAuth: 'client_secret_post' })
  const { refreshToken } = provider.issue()
  provider.turnOn(name, { value })
  const { clientId, clientSecret, tokenEndpoint } = provider
  const form = {
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: clientId,
    client_secret: clientSecret,
  }
  const body = new URLSearchParams(form).toString()
  const { host, port, pathname } = new URL(tokenEndpoint)
  const type = 'application/x-www-form-urlencoded'
  const head = `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`
  const socket = connect(Number(port), '127.0.0.1')
  socket.write(head + body)
  const pieces: string[] = []
  const heard = await new Promise<Heard>((resolve, reject) => {
    socket.on('data', (data) => {
      pieces.push(data.toString('latin1'))
      if (pieces.length >= leaveAfter) resolve({ pieces, end: 'left' })
    })
    socket.on('end', () => resolve({ pieces, end: 'fin' }))
    socket.on('error', reject)
  })
  socket.destroy()
  // Each of these has processed the refresh: the provider has rotated.
  expect(provider.oracle().refreshes).toBe(1)
  return { ...heard, provider }
}

const textOf = ({ pieces }: Heard): string => pieces.join('')

test('tok.drip_headers sends head and body byte by byte', async () => {
  const heard = await rawRefresh('tok.drip_headers', 1)
  expect(heard.pieces.length).toBeGreaterThan(20)
  expect(textOf(heard)).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n\{"access_token":".*\}$/)
})

test('tok.endless_chunks never ends its body', async () => {
  const heard = await rawRefresh('tok.endless_chunks', 1, 20)
  expect(heard.end).toBe('left')
  expect(textOf(heard)).toMatch(/transfer-encoding: chunked\r\n\r\n(1\r\n \r\n){5}/)
})

test('tok.garbage is no HTTP', async () => {
  expect(textOf(await rawRefresh('tok.garbage'))).toMatch(/^SSH-2\.0/)
})

test('tok.half_close ends the connection cleanly in the middle of the body', async () => {
  const heard = await rawRefresh('tok.half_close')
  const [, length, body = ''] = /content-length: (\d+)\r\n\r\n([^]*)$/.exec(textOf(heard)) ?? []
  expect([heard.end, body.length]).toEqual(['fin', Math.floor(Number(length) / 2)])
})

test('tok.cl_and_te gives two lengths', async () => {
  expect(textOf(await rawRefresh('tok.cl_and_te'))).toMatch(
    /content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n[0-9a-f]+\r\n\{"access_token"[^]*\r\n0\r\n\r\n$/,
  )
})
