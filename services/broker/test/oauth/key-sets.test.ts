import { generateKeyPairSync, type createPublicKey } from 'node:crypto'
import { type LabProvider, type ProviderLab, startProviderLab } from 'dromos-lab'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createKeySets, type KeySets } from '../../src/oauth/key-sets.js'
import { createOutbound } from '../../src/oauth/outbound-fetch.js'
import { usableKeys } from '../../src/oauth/signing-key.js'
import { discovering, loopback, nonce, testOAuth } from './oauth-lab.js'
import { type RawServer, startHttp } from './raw-server.js'

let lab: ProviderLab
const publishing: RawServer[] = []
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())
afterEach(async () => {
  await Promise.all(publishing.splice(0).map((server) => server.close()))
})

const es256 = { signingAlg: 'ES256' } as const

/** Verifies a login at the lab again and again with one set of caches. */
async function verifierOf(op: LabProvider, now: () => Date = () => new Date()) {
  const oauth = testOAuth({ now })
  const provider = discovering(op)
  const endpoints = await oauth.metadata.endpoints(provider, {})
  return () =>
    oauth.idTokens.verify(provider, op.issue({ nonce }).idToken ?? '', {
      endpoints,
      clientId: op.clientId,
      nonce,
      accessToken: undefined,
      occasion: 'login',
    })
}

describe('rotation of signing keys', () => {
  test('two rotations within seconds pass (fault 71)', async () => {
    const op = lab.createProvider(es256)
    const verify = await verifierOf(op)
    for (let n = 0; n < 3; n += 1) {
      expect(await verify()).toMatchObject({ subject: 'user-1' })
      op.rotateKeys()
    }
    expect(op.journal('jwks')).toHaveLength(3)
  })

  test('keys without an id rotate, too: the failed trial shows it', async () => {
    const op = lab.createProvider(es256)
    op.turnOn('idt.kid_absent_single')
    const verify = await verifierOf(op)
    await verify()
    op.rotateKeys()
    expect(await verify()).toMatchObject({ subject: 'user-1' })
  })

  test('many logins right after a rotation share one fetch, and all pass', async () => {
    const op = lab.createProvider(es256)
    const verify = await verifierOf(op)
    await verify()
    op.rotateKeys()
    expect(await Promise.all(Array.from({ length: 10 }, verify))).toHaveLength(10)
    expect(op.journal('jwks')).toHaveLength(2)
  })

  test('one copy serves many verifications', async () => {
    const op = lab.createProvider(es256)
    const verify = await verifierOf(op)
    await verify()
    await Promise.all([verify(), verify(), verify()])
    expect(op.journal('jwks')).toHaveLength(1)
  })

  test('a copy is refreshed after ten minutes, so that a withdrawn key ends', async () => {
    const op = lab.createProvider(es256)
    let offsetMs = 0
    const now = () => new Date(Date.now() + offsetMs)
    const verify = await verifierOf(op, now)
    await verify()
    offsetMs = 600_001
    op.clock.advance(600_001)
    await verify()
    expect(op.journal('jwks')).toHaveLength(2)
  })
})

test('a flood of made-up key ids costs three fetches, then one per half minute (A54)', async () => {
  const op = lab.createProvider(es256)
  op.turnOn('jwks.flood')
  let offsetMs = 0
  const start = Date.now()
  const verify = await verifierOf(op, () => new Date(start + offsetMs))
  const refused = async (times: number) => {
    for (let n = 0; n < times; n += 1) await expect(verify()).rejects.toMatchObject({ reason: 'invalid_id_token' })
  }
  await refused(200)
  expect(op.journal('jwks')).toHaveLength(3)
  offsetMs = 30_000
  await refused(50)
  expect(op.journal('jwks')).toHaveLength(4)
  op.turnOff('jwks.flood')
  expect(await verify()).toMatchObject({ subject: 'user-1' })
})

describe('a key set that cannot be had', () => {
  test.each(['jwks.500', 'jwks.html', 'jwks.huge', 'jwks.many_keys', 'jwks.redirect', 'jwks.hang'] as const)(
    '%s makes the provider unavailable, not the token invalid; it is forgotten in ten seconds (fault 71)',
    async (name) => {
      const op = lab.createProvider(es256)
      op.turnOn(name)
      let offsetMs = 0
      const start = Date.now()
      const verify = await verifierOf(op, () => new Date(start + offsetMs))
      await expect(verify()).rejects.toMatchObject({ reason: 'provider_unavailable' })
      op.turnOff(name)
      offsetMs = 10_001
      expect(await verify()).toMatchObject({ subject: 'user-1' })
      expect(op.journal('attacker')).toEqual([])
    },
  )
})

describe('which published keys may verify', () => {
  const rsa = (modulusLength: number) => jwkOf(generateKeyPairSync('rsa', { modulusLength }).publicKey)
  const ec = (namedCurve: string) => jwkOf(generateKeyPairSync('ec', { namedCurve }).publicKey)
  const jwkOf = (key: ReturnType<typeof createPublicKey>) => key.export({ format: 'jwk' })
  const good = rsa(2048)

  test.each([
    ['RSA 2048', good],
    ['P-256', ec('P-256')],
    ['P-384', ec('P-384')],
    ['Ed25519', jwkOf(generateKeyPairSync('ed25519').publicKey)],
    ['a use of sig', { ...good, use: 'sig', key_ops: ['verify'] }],
  ])('%s may', (_what, key) => {
    expect(usableKeys([key])).toHaveLength(1)
  })

  test.each([
    ['RSA 1024', rsa(1024)],
    [
      'RSA 2047 by leading zeros',
      { ...good, n: Buffer.concat([Buffer.from([0, 0x7f]), Buffer.alloc(255, 255)]).toString('base64url') },
    ],
    ['RSA 8193', { ...good, n: Buffer.concat([Buffer.from([1]), Buffer.alloc(1024, 255)]).toString('base64url') }],
    ['e = 1', { ...good, e: 'AQ' }],
    ['an even e', { ...good, e: 'Ag' }],
    ['a huge e', { ...good, e: Buffer.alloc(9, 255).toString('base64url') }],
    ['a private key', { ...good, d: 'AQAB' }],
    ['oct', { kty: 'oct', k: 'c2VjcmV0' }],
    ['for encryption', { ...good, use: 'enc' }],
    ['for signing only', { ...good, key_ops: ['sign'] }],
    ['secp256k1', ec('secp256k1')],
    ['X25519', jwkOf(generateKeyPairSync('x25519').publicKey)],
    ['no object', 7],
  ])('%s may not (A53)', (_what, key) => {
    expect(usableKeys([key])).toEqual([])
  })

  const find = async (keys: unknown[], wanted: Parameters<KeySets['find']>[1]) => {
    const server = await startHttp((_request, response) => response.end(JSON.stringify({ keys })))
    publishing.push(server)
    const outbound = createOutbound({ allowedPrivateNetworks: loopback, onRefused: () => undefined })
    return createKeySets(outbound, { now: () => new Date() }).find(`http://127.0.0.1:${server.port}/`, wanted)
  }

  test('at most five of many keys without an id are tried (A53)', async () => {
    const keys = Array.from({ length: 20 }, () => ec('P-256'))
    expect(await find(keys, { alg: 'ES256', kid: undefined })).toHaveLength(5)
  })

  test('a key that names another algorithm, type or curve is no candidate', async () => {
    const keys = [{ ...good, alg: 'PS256' }, ec('P-384'), { ...ec('P-256'), kid: 'k' }]
    expect(await find(keys, { alg: 'RS256', kid: undefined })).toEqual([])
    expect(await find(keys, { alg: 'ES256', kid: 'k' })).toHaveLength(1)
  })
})
