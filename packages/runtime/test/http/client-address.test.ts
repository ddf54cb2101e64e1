import { describe, expect, test } from '@jest/globals'
import { clientAddress, parseNetworks } from '../../src/http/client-address.js'

const { networks: proxies } = parseNetworks(['10.0.0.0/8', '::1', 'fd00::/8'])

describe('the address of a caller', () => {
  test('is the socket address when no proxy is trusted, whatever X-Forwarded-For says (A61)', () => {
    expect(clientAddress('203.0.113.9', '10.1.1.1', proxies)).toBe('203.0.113.9')
    expect(clientAddress('203.0.113.9', '127.0.0.1', parseNetworks([]).networks)).toBe('203.0.113.9')
  })

  test('is the right-most hop that is no trusted proxy, never the left-most', () => {
    expect(clientAddress('10.0.0.1', '127.0.0.1, 198.51.100.7, 10.0.0.2', proxies)).toBe('198.51.100.7')
    expect(clientAddress('::1', '2001:db8::5', proxies)).toBe('2001:db8::5')
  })

  test('reads IPv4-mapped IPv6 as IPv4, in the socket address and in the header', () => {
    expect(clientAddress('::ffff:10.0.0.1', '::ffff:198.51.100.7', proxies)).toBe('198.51.100.7')
  })

  test.each(['unknown', '198.51.100.7:80', '010.0.0.1', '_hidden', '', '1'.repeat(9000)])(
    'stays the proxy when the hop is not an address (case %#)',
    (hop) => expect(clientAddress('10.0.0.1', `127.0.0.1, ${hop}`, proxies)).toBe('10.0.0.1'),
  )
})

test('networks that cannot be read are reported, not skipped', () => {
  const cidrs = ['10.0.0.0/33', 'example.org', '10.0.0.0/8/8', '10.0.0.0/', '::/129', '192.0.2.1', '::/0']
  expect(parseNetworks(cidrs).invalid).toEqual(['10.0.0.0/33', 'example.org', '10.0.0.0/8/8', '10.0.0.0/', '::/129'])
})
