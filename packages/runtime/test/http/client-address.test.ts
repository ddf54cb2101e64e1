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

  test.each([
    ['a port', '198.51.100.7:49152', '198.51.100.7'],
    ['brackets', '[2001:db8::5]', '2001:db8::5'],
    ['brackets and a port', '[2001:db8::5]:443', '2001:db8::5'],
    ['a mapped address in brackets', '[::ffff:198.51.100.7]:443', '198.51.100.7'],
    ['a zone id', 'fe80::5%eth0', 'fe80::5'],
    ['a zone id in brackets', '[fe80::5%eth0]:443', 'fe80::5'],
    ['spaces and tabs around it', '\t 198.51.100.7 ', '198.51.100.7'],
  ])('is read from a hop with %s (A61)', (_what, hop, address) => {
    expect(clientAddress('10.0.0.1', `127.0.0.1, ${hop}`, proxies)).toBe(address)
    expect(clientAddress('10.0.0.1', `127.0.0.1, ${hop}, 10.0.0.2:80, [fd00::1]:80`, proxies)).toBe(address)
  })

  test.each([
    'unknown', '_hidden', '', ' ', '010.0.0.1', '127.1', '2130706433', '0x7f000001', '127.0.0.1.', '127.0.0.1/8', '127.0.0.1:',
    '127.0.0.1:port', '127.0.0.1:655360', '127.0.0.1:80:80', '127.0.0.1%eth0', '[::1', '::1]', '[::1]80', '[::1]:', '[[::1]]',
    '[fe80::1%]', '::1%', ':::1', '::ffff:999.0.0.1', '"127.0.0.1"', 'for=127.0.0.1', '127.0.0.1 127.0.0.1', '127.0.0.1;',
    '１２７.0.0.1', '127.0.0.1\0', '1'.repeat(9000), `[${':'.repeat(9000)}`, `[::1%${'a'.repeat(9000)}]`,
  ])('is unknown, not that of the proxy, when the hop is none (case %#) (A61)', (hop) => {
    expect(clientAddress('10.0.0.1', `127.0.0.1, ${hop}`, proxies)).toBe('')
    expect(clientAddress('10.0.0.1', `127.0.0.1, ${hop}, 10.0.0.2`, proxies)).toBe('')
  }) // prettier-ignore

  test('is found in a list of a thousand, wherever it stands (A61)', () => {
    const own = Array.from({ length: 999 }, (_, index) => `10.0.${index % 250}.1`)
    expect(clientAddress('10.0.0.1', ['198.51.100.7', ...own].join(', '), proxies)).toBe('198.51.100.7')
    expect(clientAddress('10.0.0.1', [...own, '198.51.100.7'].join(), proxies)).toBe('198.51.100.7')
    const forged = Array.from({ length: 999 }, () => '127.0.0.1')
    expect(clientAddress('10.0.0.1', [...forged, '198.51.100.7'].join(), proxies)).toBe('198.51.100.7')
    expect(clientAddress('203.0.113.9', [...own, '127.0.0.1'].join(), proxies)).toBe('203.0.113.9')
  })

  test('is the proxy itself when it forwards for nobody', () => {
    expect(clientAddress('10.0.0.1', undefined, proxies)).toBe('10.0.0.1')
    expect(clientAddress('10.0.0.1', '10.0.0.3, 10.0.0.2', proxies)).toBe('10.0.0.3')
  })
})

test('networks that cannot be read are reported, not skipped', () => {
  const cidrs = ['10.0.0.0/33', 'example.org', '10.0.0.0/8/8', '10.0.0.0/', '::/129', '192.0.2.1', '::/0']
  expect(parseNetworks(cidrs).invalid).toEqual(['10.0.0.0/33', 'example.org', '10.0.0.0/8/8', '10.0.0.0/', '::/129'])
})
