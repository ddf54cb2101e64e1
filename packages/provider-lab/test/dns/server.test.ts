import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Resolver } from 'node:dns/promises'
import { createSocket } from 'node:dgram'
import { startLabDns, type LabDns } from '../../src/index.js'

let dns: LabDns
let resolver: Resolver
beforeAll(async () => {
  dns = await startLabDns()
  resolver = new Resolver({ timeout: 2_000, tries: 1 })
  resolver.setServers([`127.0.0.1:${dns.port}`])
})
afterAll(() => dns.close())

test('a name rebinds: public for the first question, private for the second, and around again, TTL 0', async () => {
  dns.answers('rebind.lab.test', [['93.184.216.34'], ['127.0.0.1']])
  const asked = []
  for (let n = 0; n < 3; n++) asked.push(await resolver.resolve4('rebind.lab.test', { ttl: true }))
  expect(asked.flat()).toEqual([
    { address: '93.184.216.34', ttl: 0 },
    { address: '127.0.0.1', ttl: 0 },
    { address: '93.184.216.34', ttl: 0 },
  ])
})

test('a set may be mixed, and each question gets its family in full', async () => {
  dns.answers('Mixed.lab.test', [['93.184.216.34', '10.0.0.1', '2606:2800:220:1::1', '::1', '::ffff:10.0.0.1']])
  expect(await resolver.resolve4('mixed.lab.test')).toEqual(['93.184.216.34', '10.0.0.1'])
  expect(await resolver.resolve6('mixed.lab.test')).toEqual(['2606:2800:220:1::1', '::1', '::ffff:10.0.0.1'])
})

test('an unknown name does not exist, a known one may have no address', async () => {
  await expect(resolver.resolve4('nobody.lab.test')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  dns.answers('empty.lab.test', [[]])
  await expect(resolver.resolve4('empty.lab.test')).rejects.toMatchObject({ code: 'ENODATA' })
  expect(dns.queries()).toEqual(expect.arrayContaining(['nobody.lab.test', 'empty.lab.test']))
})

test('garbage gets no answer and harms nobody', async () => {
  const socket = createSocket('udp4')
  for (const bytes of ['', 'x', '\u0000'.repeat(12), 'A'.repeat(600)])
    socket.send(Buffer.from(bytes), dns.port, '127.0.0.1')
  await expect(resolver.resolve4('after.lab.test')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  socket.close()
})

test('what is no address is refused', () => {
  expect(() => dns.answers('x.test', [['localhost']])).toThrow("'localhost' is no IP address")
})
