import { describe, expect, test } from '@jest/globals'
import { X509Certificate } from 'node:crypto'
import { createTestAuthority, selfSigned } from '../../src/index.js'
import { integer, oid, octets } from '../../src/tls/der.js'

// Read back by Node's own parser, which is OpenSSL's.

test('an authority vouches for what it issues, by name and by address', () => {
  const authority = createTestAuthority()
  const ca = new X509Certificate(authority.cert)
  const leaf = new X509Certificate(authority.issue({ names: ['op.test', '127.0.0.1', '::1', '2001:db8::5:1'] }).cert)
  expect([ca.ca, leaf.ca]).toEqual([true, false])
  expect(leaf.checkIssued(ca) && leaf.verify(ca.publicKey)).toBe(true)
  expect(leaf.checkHost('op.test')).toBe('op.test')
  expect(leaf.checkHost('op.test.evil.test')).toBeUndefined()
  expect(['127.0.0.1', '::1', '2001:db8::5:1'].map((address) => leaf.checkIP(address))).toEqual([
    '127.0.0.1',
    '::1',
    '2001:db8::5:1',
  ])
  expect(leaf.checkIP('127.0.0.2')).toBeUndefined()
})

test('two authorities do not vouch for each other, and serial numbers differ', () => {
  const [one, other] = [createTestAuthority(), createTestAuthority()]
  const leaf = new X509Certificate(one.issue({ names: ['op.test'] }).cert)
  expect(leaf.verify(new X509Certificate(other.cert).publicKey)).toBe(false)
  expect(new X509Certificate(one.issue({ names: ['op.test'] }).cert).serialNumber).not.toBe(leaf.serialNumber)
})

test('a certificate can be over already, or its own issuer', () => {
  const expired = new X509Certificate(createTestAuthority().issue({ names: ['op.test'], validForDays: -1 }).cert)
  expect(Date.parse(expired.validTo)).toBeLessThan(Date.now())
  expect(Date.parse(expired.validFrom)).toBeLessThan(Date.parse(expired.validTo))
  const own = new X509Certificate(selfSigned({ names: ['op.test'] }).cert)
  expect(own.subject).toBe(own.issuer)
  expect(own.verify(own.publicKey)).toBe(true)
})

describe('DER (X.690)', () => {
  test.each([
    ['a short length', octets(Buffer.alloc(127)), '047f00'],
    ['a length of one byte', octets(Buffer.alloc(128)), '04818000'],
    ['a length of two bytes', octets(Buffer.alloc(256)), '0482010000'],
    ['a positive number whose first bit is set', integer(Buffer.of(0x80)), '02020080'],
    ['an object identifier with long arcs', oid('1.2.840.113549.1.1.11'), '06092a864886f70d01010b'],
  ])('%s', (_what, bytes, hex) => {
    expect(bytes.toString('hex').slice(0, hex.length)).toBe(hex)
  })
})
