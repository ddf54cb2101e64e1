import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProviderLab, type LabSwitch, type ProviderLab } from '../../src/index.js'
import { getJson } from '../client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

async function metadataWith(name?: LabSwitch) {
  const provider = lab.createProvider()
  if (name) provider.turnOn(name)
  const metadata = await getJson(`${lab.url}/.well-known/oauth-protected-resource/t/${provider.id}/api`)
  return { provider, metadata }
}

test('the protected API says which authorization server guards it (RFC 9728)', async () => {
  const { provider, metadata } = await metadataWith()
  expect(metadata).toMatchObject({ resource: provider.apiUrl, authorization_servers: [provider.issuer] })
})

test('or it names another resource, no server, or the attacker beside the right one', async () => {
  const mismatch = await metadataWith('prm.resource_mismatch')
  expect(mismatch.metadata['resource']).not.toBe(mismatch.provider.apiUrl)
  expect((await metadataWith('prm.no_authorization_servers')).metadata).not.toHaveProperty('authorization_servers')
  const several = await metadataWith('prm.multiple')
  expect(several.metadata['authorization_servers']).toEqual([several.provider.attackerUrl, several.provider.issuer])
})

test('a challenge of the API names that metadata (RFC 9728 section 5.1)', async () => {
  const provider = lab.createProvider()
  const challengeOf = async () => (await fetch(provider.apiUrl)).headers.get('www-authenticate')
  const metadataUrl = `${lab.url}/.well-known/oauth-protected-resource/t/${provider.id}/api`
  expect(await challengeOf()).toBe(`Bearer error="invalid_token", resource_metadata="${metadataUrl}"`)
  provider.turnOn('rs.403_insufficient_scope')
  expect(await challengeOf()).toContain(`scope="admin", resource_metadata="${metadataUrl}"`)
})
