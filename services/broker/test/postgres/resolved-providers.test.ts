import { randomBytes } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { createResolvedProviders, type FoundColumns } from '../../src/postgres/resolved-providers.js'
import { createVault } from '../../src/vault/vault.js'
import { oauthProfile } from './start-stores.js'

const row = (id: string, revision = '1'): FoundColumns => ({
  id,
  name: id,
  profile: oauthProfile({ name: id }),
  version: '1',
  created_at: new Date(0),
  updated_at: new Date(0),
  is_deleted: false,
  sealed_secrets: null,
  revision,
})
const resolved = () => createResolvedProviders(createVault({ primary: randomBytes(32), retired: [] }), 2)

test('a provider is resolved once for each revision', () => {
  const providers = resolved()
  const first = providers.resolve(row('a'))
  expect(providers.resolve(row('a'))).toBe(first)
  expect(providers.known('a', '1')).toBe(first)
  expect(providers.known('a', '2')).toBeUndefined()
  expect(providers.resolve(row('a', '2'))).not.toBe(first)
  expect(providers.known('a', '1')).toBeUndefined()
})

test('the provider that was longest not asked for makes room', () => {
  const providers = resolved()
  providers.resolve(row('a'))
  providers.resolve(row('b'))
  providers.known('a', '1')
  providers.resolve(row('c'))
  expect(['a', 'b', 'c'].map((id) => providers.known(id, '1') !== undefined)).toEqual([true, false, true])
})
