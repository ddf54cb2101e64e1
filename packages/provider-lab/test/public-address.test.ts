import { describe, expect, test } from '@jest/globals'
import { isPublicAddress } from '../src/public-address.js'

describe('of the open internet', () => {
  test.each(['93.184.216.34', '8.8.8.8', '172.32.0.1', '2606:2800:220:1::1', '2a00:1450::1'])('%s', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })
})

describe('not of it', () => {
  test.each([
    '0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.168.0.1', '198.18.0.1',
    '224.0.0.1', '255.255.255.255', '::', '::1', '::ffff:8.8.8.8', '64:ff9b::808:808', '2002:7f00:1::', '2001::1', '2001:db8::1',
    'fc00::1', 'fe80::1', 'ff02::1', 'localhost', '127.1', '',
  ])('%s', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  }) // prettier-ignore
})
