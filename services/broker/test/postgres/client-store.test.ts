import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createKeyCache } from '../../src/postgres/key-cache.js'
import { startStores, type TestStores } from './start-stores.js'

let stores: TestStores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const client = { tenantId: 'acme', name: 'crm-agent', roles: ['agent'] as const, mayReadRefreshTokens: false }
const key = (keyId: string, expiresAt?: Date) => ({ keyId, secretDigest: Buffer.alloc(32, 7), expiresAt })
const refusal = (reason: string) => expect.objectContaining({ reason })

describe('a client', () => {
  test('is made once, together with its tenant, however many ask at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => stores.clients.ensureClient(client)))
    expect(new Set(answers.map((each) => each.clientId)).size).toBe(1)
    expect(answers.filter((each) => each.isNew)).toHaveLength(1)
  })

  test('does not gain rights by being asked for again', async () => {
    await stores.clients.ensureClient(client)
    for (const more of [{ roles: ['agent', 'admin'] as const }, { mayReadRefreshTokens: true }])
      await expect(stores.clients.ensureClient({ ...client, ...more })).rejects.toEqual(refusal('invalid_request'))
  })

  test('has at most two live keys, also when many are asked for at once', async () => {
    const { clientId } = await stores.clients.ensureClient({ ...client, name: 'two-keys' })
    await stores.clients.addKey('acme', clientId, key('dk_expired', new Date(0)))
    const additions = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) => stores.clients.addKey('acme', clientId, key(`dk_many${index}`))),
    )
    expect(additions.filter((each) => each.status === 'fulfilled')).toHaveLength(2)
    for (const each of additions) if (each.status === 'rejected') expect(each.reason).toEqual(refusal('too_many_keys'))
    const live = (await stores.clients.listKeys('acme')).find((each) => each.keyId.startsWith('dk_many'))
    await stores.clients.revokeKey(live?.keyId ?? '')
    await stores.clients.addKey('acme', clientId, key('dk_next'))
  })

  test('that is unknown gets no key', async () => {
    await expect(stores.clients.addKey('acme', 'cl_none', key('dk_none'))).rejects.toEqual(refusal('client_not_found'))
    const { clientId } = await stores.clients.ensureClient({ ...client, name: 'ours' })
    await expect(stores.clients.addKey('other', clientId, key('dk_none'))).rejects.toEqual(refusal('client_not_found'))
  })
})

describe('a key', () => {
  test('is found with what its client may do', async () => {
    const { clientId } = await stores.clients.ensureClient({
      ...client,
      name: 'reader',
      roles: ['agent', 'gateway'],
      mayReadRefreshTokens: true,
    })
    await stores.clients.addKey('acme', clientId, key('dk_reader', new Date('2030-01-01')))
    expect(await stores.clients.findKey('dk_reader')).toEqual({
      tenantId: 'acme',
      clientId,
      keyId: 'dk_reader',
      roles: ['agent', 'gateway'],
      mayReadRefreshTokens: true,
      secretDigest: Buffer.alloc(32, 7),
      expiresAt: new Date('2030-01-01'),
      isRevoked: false,
    })
  })

  test('works as soon as it is made, even when it was asked for before', async () => {
    const { clientId } = await stores.clients.ensureClient({ ...client, name: 'eager' })
    expect(await stores.clients.findKey('dk_eager')).toBeUndefined()
    await stores.clients.addKey('acme', clientId, key('dk_eager'))
    expect(await stores.clients.findKey('dk_eager')).toMatchObject({ isRevoked: false })
  })

  test('revoked, is refused here at once and elsewhere within five seconds', async () => {
    const { clientId } = await stores.clients.ensureClient({ ...client, name: 'revoked' })
    await stores.clients.addKey('acme', clientId, key('dk_revoked'))
    const elsewhere = stores.replica().stores.clients
    await Promise.all([stores.clients.findKey('dk_revoked'), elsewhere.findKey('dk_revoked')])
    await stores.clients.revokeKey('dk_revoked')
    expect(await stores.clients.findKey('dk_revoked')).toMatchObject({ isRevoked: true })
    expect(await elsewhere.findKey('dk_revoked')).toMatchObject({ isRevoked: false })
    stores.advance(5_000)
    expect(await elsewhere.findKey('dk_revoked')).toMatchObject({ isRevoked: true })
    await expect(stores.clients.revokeKey('dk_unknown')).rejects.toEqual(refusal('key_not_found'))
  })

  test('is listed with its owner, for one tenant or for all', async () => {
    const { clientId } = await stores.clients.ensureClient({ ...client, tenantId: 'listed', name: 'lister' })
    await stores.clients.addKey('listed', clientId, key('dk_listed'))
    await stores.clients.revokeKey('dk_listed')
    const expected = {
      tenantId: 'listed',
      clientId,
      clientName: 'lister',
      roles: ['agent'],
      keyId: 'dk_listed',
      createdAt: expect.any(Date),
      expiresAt: undefined,
      revokedAt: expect.any(Date),
    }
    expect(await stores.clients.listKeys('listed')).toEqual([expected])
    expect(await stores.clients.listKeys(undefined)).toContainEqual(expected)
  })
})

describe('the memory of keys', () => {
  test('asks once for parallel requests and remembers that a key is unknown', async () => {
    let reads = 0
    const cache = createKeyCache(async () => void reads++, () => new Date(0)) // prettier-ignore
    await Promise.all(Array.from({ length: 10 }, () => cache.get('dk_a')))
    await cache.get('dk_a')
    expect(reads).toBe(1)
  })

  test('does not remember a failure', async () => {
    let reads = 0
    const failOnce = async (): Promise<undefined> => {
      if (reads++ === 0) throw new Error('the database is away')
    }
    const cache = createKeyCache(failOnce, () => new Date(0))
    await expect(cache.get('dk_a')).rejects.toThrow('away')
    expect(await cache.get('dk_a')).toBeUndefined()
  })

  test('does not grow with the number of guessed ids', async () => {
    const reads: string[] = []
    const cache = createKeyCache(async (id) => void reads.push(id), () => new Date(0)) // prettier-ignore
    for (let index = 0; index <= 10_000; index++) await cache.get(`dk_${index}`)
    await cache.get('dk_0') // made room
    await cache.get('dk_10000') // still held
    expect(reads.length).toBe(10_002)
  })
})
