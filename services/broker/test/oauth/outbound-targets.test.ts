import { describe, expect, test } from '@jest/globals'
import { createAddressRules } from '../../src/oauth/address-rules.js'
import { createOutbound, type OutboundOptions } from '../../src/oauth/outbound-fetch.js'
import { startHttp } from './raw-server.js'

const guard = (options: Partial<OutboundOptions> = {}) => {
  const refused: string[] = []
  const outbound = createOutbound({
    allowedPrivateNetworks: [],
    onRefused: (hostname) => void refused.push(hostname),
    resolve: () => Promise.reject(new Error('nothing may be resolved here')),
    ...options,
  })
  return { refused, get: (url: string) => outbound.send({ url, method: 'GET', reads: 'status' }), outbound }
}

const refusal = { kind: 'unsent', why: 'address_refused' }

describe('private and reserved targets are refused before a socket is opened (fault 27)', () => {
  test.each([
    '0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254',
    '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.1', '192.88.99.1', '192.168.0.1', '198.18.0.1', '198.51.100.1',
    '203.0.113.1', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', '[::]', '[::1]', '[fc00::1]', '[fd12::1]',
    '[fe80::1]', '[fec0::1]', '[ff02::1]', '[100::1]', '[2001:db8::1]', '[3fff::1]', '[4000::1]',
  ])('%s (A32)', async (host) => {
    const { get, refused } = guard()
    expect(await get(`https://${host}/token`)).toEqual(refusal)
    expect(refused).toEqual([host])
  }) // prettier-ignore

  test.each([
    ['decimal', '2130706433'],
    ['hexadecimal', '0x7f.1'],
    ['octal', '017700000001'],
    ['short', '127.1'],
    ['circled digits', '①②⑦.⓪.⓪.①'],
    ['full-width', '１２７.0.0.1'],
    ['percent-encoded', '%31%32%37.0.0.1'],
    ['trailing dot', '127.0.0.1.'],
    ['IPv4-mapped', '[::ffff:169.254.169.254]'],
    ['IPv4-mapped in hex', '[::ffff:7f00:1]'],
    ['IPv4-compatible', '[::127.0.0.1]'],
    ['NAT64', '[64:ff9b::a9fe:a9fe]'],
    ['local NAT64', '[64:ff9b:1::7f00:1]'],
    ['6to4', '[2002:7f00:1::]'],
    ['Teredo', '[2001:0:7f00:1::1]'],
  ])('a literal written as %s (A33)', async (_form, host) => {
    expect(await guard().get(`https://${host}/`)).toEqual(refusal)
  })

  test.each([
    'file:///etc/passwd',
    'gopher://example.com/',
    'data:text/plain,x',
    'ftp://example.com/',
    'unix:/run/x',
    'nonsense',
  ])('the scheme of %s (A36)', async (url) => {
    expect(await guard().get(url)).toEqual(refusal)
  })

  test('a user name in the URL', async () => {
    expect(await guard().get('https://user:pass@example.com/')).toEqual(refusal)
  })
})

describe('names', () => {
  test('one private address among public ones refuses the name', async () => {
    const { get, refused } = guard({ resolve: async () => ['93.184.216.34', '10.0.0.5'] })
    expect(await get('https://mixed.example/')).toEqual(refusal)
    expect(refused).toEqual(['mixed.example'])
  })

  test('a name that resolves to nothing is unsent and no refusal', async () => {
    const { get, refused } = guard({ resolve: async () => [] })
    expect(await get('https://nowhere.example/')).toEqual({ kind: 'unsent', why: 'dns_failed' })
    expect(refused).toEqual([])
  })

  test('a resolver that never answers costs the connect deadline and no more', async () => {
    const { get } = guard({ resolve: () => new Promise(() => undefined), limits: { connectMs: 30 } })
    expect(await get('https://slow.example/')).toEqual({ kind: 'unsent', why: 'dns_failed' })
  })

  test('plain http to a public address is refused', async () => {
    expect(await guard({ resolve: async () => ['93.184.216.34'] }).get('http://plain.example/')).toEqual(refusal)
  })

  test('a name that rebinds after the check never gets a connection to the private address', async () => {
    const server = await startHttp((_request, response) => response.end())
    let asked = 0
    const { get } = guard({
      allowedPrivateNetworks: ['127.0.0.2/32'], // stands for the public address; nobody listens there
      resolve: async () => (asked++ === 0 ? ['127.0.0.2'] : ['127.0.0.1']),
    })
    expect(await get(`http://rebind.example:${server.port}/`)).toMatchObject({ kind: 'unsent' })
    expect(asked).toBe(1)
    expect(await get(`http://rebind.example:${server.port}/`)).toEqual(refusal)
    expect(server.connections).toBe(0)
    await server.close()
  })
})

describe('allowed private networks', () => {
  test('open exactly what is listed, in http too, whatever the spelling', () => {
    const rules = createAddressRules(['10.1.0.0/16', 'fd00::/8'])
    expect(['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1'].map(rules.judge)).toEqual(Array(3).fill('allowed_private'))
    expect(['10.2.0.1', '127.0.0.1', 'fc00::1', '010.1.2.3', '167837955'].map(rules.judge)).toEqual(
      Array(5).fill('refused'),
    )
    expect(['93.184.216.34', '2606:4700::1', '64:ff9b::5db8:d822'].map(rules.judge)).toEqual(Array(3).fill('public'))
  })

  test('an entry that is no network is refused with a sentence', () => {
    expect(() => createAddressRules(['10.0.0.0'])).toThrow('every entry must be a CIDR network')
  })

  test('metadata may name https anywhere, http only there, and never credentials', () => {
    const { outbound } = guard({ allowedPrivateNetworks: ['127.0.0.0/8'] })
    expect(
      ['https://op.example/token', 'http://127.0.0.1:1/token', 'http://localhost/token'].map(outbound.accepts),
    ).toEqual([true, true, true])
    const wrong = ['http://op.example/', 'http://169.254.169.254/', 'https://u@op.example/', 'javascript:x', '/token']
    expect(wrong.map(outbound.accepts)).toEqual(wrong.map(() => false))
  })
})
