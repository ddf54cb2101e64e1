import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { activateWith, givenPending, givenProvider, startStores, type TestStores } from './start-stores.js'

let stores: TestStores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

/** Every row of every table as text: bytes show as hex there. */
async function everythingStored(): Promise<string> {
  const tables = await stores.sql(
    `select table_name as name from information_schema.tables where table_schema = 'public'`,
  )
  const texts: string[] = []
  for (const { name } of tables) {
    const rows = await stores.sql(`select t::text as text from "${String(name)}" t`)
    texts.push(`${String(name)}: ${rows.map((row) => String(row.text)).join('\n')}`)
  }
  return texts.join('\n')
}

test('no column of any table holds a secret in the open', async () => {
  const providerId = await givenProvider(stores, { client_secret: 'canary-client-secret' })
  const secrets = { secrets: ['canary-client-secret'], privateKeyJwk: undefined }
  await stores.providers.replace(
    providerId,
    1,
    { ...(await profileOf(providerId)), client_secret: 'canary-client-secret' },
    {
      kind: 'replace',
      secrets,
    },
  )
  const unclaimed = await givenPending(stores, { providerId })
  const request = await givenPending(stores, { providerId })
  const { key } = request
  const seal = (field: 'credentials' | 'orphan', version: number): Buffer =>
    stores.vault.seal('canary-token', { tenantId: key.tenantId, recordId: key.connectionId, field, version })
  const captured = { expiresAtMs: undefined, grantedScope: undefined }
  await activateWith(stores, request, { ...captured, sealed: seal('credentials', 1) })
  await stores.leases.fileOrphan(key, 1, { ...captured, sealed: seal('orphan', 1) })
  const scope = { tenantId: 'default', clientId: 'cl_1', key: 'canary-key', requestDigest: Buffer.alloc(32) }
  await stores.idempotency.once(scope, async () => 'canary-answer')

  const stored = await everythingStored()
  expect(stored).toContain(unclaimed.id) // the search does see the rows
  expect(stored.match(/.{30}(canary|63616e617279).{30}/gi)).toBeNull() // also as hex
  expect(stored).not.toContain(Buffer.from('canary').toString('base64'))
})

async function profileOf(id: string) {
  const stored = await stores.providers.findStored(id)
  if (stored === undefined) throw new Error('the provider is gone')
  return stored.profile
}
