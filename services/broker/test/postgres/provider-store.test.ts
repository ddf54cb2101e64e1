import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ConnectionKey } from '../../src/domain/connection.js'
import { givenActive, oauthProfile, startStores, type TestStores } from './start-stores.js'

let stores: TestStores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const secrets = { secrets: ['canary-client-secret'], privateKeyJwk: { kty: 'OKP', d: 'canary-jwk' } }
const noSecrets = { secrets: [], privateKeyJwk: undefined }
const unknownId = '00000000-0000-4000-8000-000000000000'
const refusal = (reason: string) => expect.objectContaining({ reason })

describe('a provider', () => {
  test('comes back with its secrets, which lie nowhere in the open (fault 46)', async () => {
    const profile = oauthProfile({ name: 'sealed', client_secret: 'canary-client-secret' })
    const id = await stores.providers.create(profile, secrets)
    const found = await stores.providers.find(id)
    expect(found).toMatchObject({
      provider: {
        kind: 'oauth2',
        clientId: 'client-1',
        identity: { id, name: 'sealed', version: 1, isDeleted: false },
      },
      secrets,
    })
    const stored = await stores.providers.findStored(id)
    expect(stored).toMatchObject({ hasSecret: true, identity: { id } })
    expect(stored?.profile.client_secret).toBeUndefined()
    const [row] = await stores.sql('select p::text as text from provider_profiles p where id = $1', [id])
    expect(String(row?.text)).not.toMatch(/canary|63616e617279/) // 63616e617279 = hex of "canary"
  })

  test('is found by name whatever the case, and not by a part of it', async () => {
    const id = await stores.providers.create(oauthProfile({ name: 'by-name' }), undefined)
    expect(await stores.providers.findByName('By-NAME')).toMatchObject([{ identity: { id } }])
    expect(await stores.providers.findByName('by-nam')).toEqual([])
    expect(await stores.providers.findByName('by-%')).toEqual([])
  })

  test('keeps its name to itself until it is deleted', async () => {
    const profile = oauthProfile({ name: 'taken' })
    const id = await stores.providers.create(profile, secrets)
    await expect(stores.providers.create(profile, undefined)).rejects.toEqual(refusal('provider_exists'))
    const other = await stores.providers.create(oauthProfile({ name: 'renamed' }), undefined)
    await expect(stores.providers.replace(other, 1, profile, { kind: 'keep' })).rejects.toEqual(
      refusal('provider_exists'),
    )
    expect([await stores.providers.remove(id), await stores.providers.remove(id)]).toEqual([true, false])
    expect(await stores.providers.create(profile, undefined)).not.toBe(id)
  })

  test('deleted, is found by id alone and says so', async () => {
    const id = await stores.providers.create(oauthProfile({ name: 'deleted' }), secrets)
    await stores.providers.remove(id)
    expect(await stores.providers.find(id)).toMatchObject({ provider: { identity: { isDeleted: true } }, secrets })
    expect(await stores.providers.findStored(id)).toBeUndefined()
    expect(await stores.providers.findByName('deleted')).toEqual([])
    await expect(stores.providers.replace(id, 1, oauthProfile(), { kind: 'keep' })).rejects.toEqual(
      refusal('provider_not_found'),
    )
  })

  test.each([unknownId, 'no-uuid', "'; drop table connections; --"])('with the id %p is unknown', async (id) => {
    expect(await stores.providers.find(id)).toBeUndefined()
    expect(await stores.providers.findStored(id)).toBeUndefined()
    expect(await stores.providers.remove(id)).toBe(false)
    await expect(stores.providers.replace(id, 1, oauthProfile(), { kind: 'keep' })).rejects.toEqual(
      refusal('provider_not_found'),
    )
  })
})

describe('a change of a provider', () => {
  test('keeps, replaces or removes its secrets, and raises its version', async () => {
    const id = await stores.providers.create(oauthProfile({ name: 'changing' }), secrets)
    const steps = [
      [{ kind: 'keep' }, secrets],
      [
        { kind: 'replace', secrets: { ...noSecrets, secrets: ['new', 'old'] } },
        { ...noSecrets, secrets: ['new', 'old'] },
      ],
      [{ kind: 'remove' }, noSecrets],
      [{ kind: 'keep' }, noSecrets],
    ] as const
    for (const [index, [change, expected]] of steps.entries()) {
      await stores.providers.replace(id, index + 1, oauthProfile({ name: 'changing', client_id: `c-${index}` }), change)
      const found = await stores.providers.find(id)
      expect([found?.provider.identity.version, found?.secrets]).toEqual([index + 2, expected])
      expect(found?.provider).toMatchObject({ clientId: `c-${index}` })
    }
  })

  test('also when the id is written in capitals', async () => {
    const id = await stores.providers.create(oauthProfile({ name: 'capital' }), secrets)
    await stores.providers.replace(id.toUpperCase(), 1, oauthProfile({ name: 'capital' }), { kind: 'keep' })
    expect((await stores.providers.find(id.toUpperCase()))?.secrets).toEqual(secrets)
  })

  test('of parallel changes of one version exactly one is made', async () => {
    const id = await stores.providers.create(oauthProfile({ name: 'contended' }), secrets)
    const changes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        stores.providers.replace(id, 1, oauthProfile({ name: 'contended', client_id: `c-${index}` }), { kind: 'keep' }),
      ),
    )
    expect(changes.filter((each) => each.status === 'fulfilled')).toHaveLength(1)
    for (const each of changes)
      if (each.status === 'rejected') expect(each.reason).toEqual(refusal('provider_conflict'))
  })

  test('a sealed secret does not open under another provider', async () => {
    const [one, two] = [
      await stores.providers.create(oauthProfile({ name: 'one' }), secrets),
      await stores.providers.create(oauthProfile({ name: 'two' }), secrets),
    ]
    await stores.sql(
      'update provider_profiles set sealed_secrets = (select sealed_secrets from provider_profiles where id = $1) where id = $2',
      [one, two],
    )
    await expect(stores.providers.find(two)).rejects.toEqual(refusal('integrity_error'))
  })
})

describe('a revision of a provider', () => {
  // Every connection's view names it.
  const revisionOf = async (key: ConnectionKey): Promise<string> =>
    (await stores.leases.view(key, false))?.providerRevision ?? ''
  const given = async (name: string): Promise<{ id: string; key: ConnectionKey }> => {
    const id = await stores.providers.create(oauthProfile({ name }), secrets)
    return { id, key: await givenActive(stores, { providerId: id }) }
  }

  test('is read once; one that is not known here is read anew', async () => {
    const { id, key } = await given('read-once')
    const own = stores.replica()
    const found = await own.stores.providers.find(id)
    const revision = await revisionOf(key)
    await own.stores.close()
    await own.database.close()
    expect(await own.stores.providers.findRevision(id, revision)).toBe(found)
    await expect(own.stores.providers.findRevision(id, 'another')).rejects.toThrow()
    expect(await stores.providers.findRevision(id, 'another')).toEqual(found)
  })

  test('is the same for a look at the owner of the lease', async () => {
    const { key } = await given('looked-at')
    expect((await stores.leases.view(key, true))?.providerRevision).toBe(await revisionOf(key))
  })

  test('is another after every write, whoever wrote: nobody gets what was before', async () => {
    const { id, key } = await given('written')
    const profile = oauthProfile({ name: 'written', client_id: 'client-2' })
    const held = async () => (await stores.providers.findRevision(id, await revisionOf(key)))?.provider
    await held()
    await stores.providers.replace(id, 1, profile, { kind: 'keep' })
    expect(await held()).toMatchObject({ clientId: 'client-2' })
    await stores.sql(`update provider_profiles set profile = (profile::jsonb || '{"client_id": "client-3"}')::json
                      where id = $1`, [id]) // prettier-ignore
    expect(await held()).toMatchObject({ clientId: 'client-3' })
    await stores.providers.remove(id)
    expect(await held()).toMatchObject({ identity: { isDeleted: true } })
  })

  test('whose secrets were sealed anew opens again, and one that does not open is refused each time', async () => {
    const { id, key } = await given('sealed-anew')
    const ask = async () => stores.providers.findRevision(id, await revisionOf(key))
    const { found, revision } = { found: await ask(), revision: await revisionOf(key) }
    const context = { tenantId: 'installation', recordId: id, field: 'client_secrets', version: 1 } as const
    const seal = (plaintext: string) =>
      stores.sql('update provider_profiles set sealed_secrets = $2 where id = $1', [
        id,
        stores.vault.seal(plaintext, context),
      ])
    await seal(JSON.stringify(found?.secrets))
    expect(await revisionOf(key)).not.toBe(revision)
    expect(await ask()).toEqual(found)
    await stores.sql(`update provider_profiles set sealed_secrets = sealed_secrets || '\\x00' where id = $1`, [id])
    for (let turn = 0; turn < 2; turn++) {
      await expect(ask()).rejects.toEqual(refusal('integrity_error'))
      await expect(stores.providers.find(id)).rejects.toEqual(refusal('integrity_error'))
    }
  })
})

describe('the listing of providers (fault 70)', () => {
  test('gives every page, newest first, without a gap or a repetition', async () => {
    await stores.sql('update provider_profiles set deleted_at = now() where deleted_at is null')
    const ids: string[] = []
    for (let index = 0; index < 25; index++)
      ids.unshift(await stores.providers.create(oauthProfile({ name: `page-${index}` }), undefined))
    await stores.sql(`update provider_profiles set created_at = '2026-01-01' where name like 'page-1_'`) // ten at one instant
    const seen: string[] = []
    for (let page = 0; page < 10; page++) {
      const found = await stores.providers.list({ limit: 4, after: seen.at(-1) })
      seen.push(...found.map((each) => each.identity.id))
      if (page === 3) await stores.providers.remove(seen.at(-1) ?? '') // a page's last one may vanish
    }
    expect([...seen].sort()).toEqual([...ids].sort())
    expect(seen.slice(0, 5)).toEqual(ids.slice(0, 5))
  })

  test('refuses a cursor that is none', async () => {
    await expect(stores.providers.list({ limit: 4, after: 'x' })).rejects.toEqual(refusal('invalid_cursor'))
  })
})
