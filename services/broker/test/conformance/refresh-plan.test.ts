import { describe, expect, test } from '@jest/globals'
import { provideForSuite } from '../harness/more-providers.js'
import { connected, readTokenOf, refreshOf } from '../harness/person.js'
import { auditOf, issuedTokens, refreshTokensPresented } from './outcome.js'

// OpenID conformance suite, oidcc-client-refreshtoken-test-plan. A refresh asks no userinfo: what stands for "uses the
// answer" is whether an agent ever gets its access token.

const providers = provideForSuite()

test('oidcc-client-test-refresh-token', async () => {
  const op = await providers.add()
  const id = await connected(op)
  const [first, second] = [await refreshOf(op, id), await refreshOf(op, id)]
  expect([first.body.access_token, second.body.access_token]).toEqual(issuedTokens(op).slice(1))
  expect((await readTokenOf(op, id)).body.access_token).toBe(issuedTokens(op).at(-1))
  expect(new Set(refreshTokensPresented(op)).size).toBe(2) // the newest refresh token each time
  expect(op.provider.oracle()).toMatchObject({ refreshes: 2, reuseCount: 0, families: [{ alive: true }] })
  expect((await auditOf(op, id)).filter((type) => type === 'token_refreshed')).toHaveLength(2)
})

describe('a refresh answer that names somebody else is stored, never served, and asks for a person', () => {
  test.each([
    ['oidcc-client-test-refresh-token-invalid-issuer', 'refresh_idt.iss+1'],
    ['oidcc-client-test-refresh-token-invalid-sub', 'refresh_idt.sub+1'],
  ] as const)('%s', async (_module, name) => {
    const op = await providers.add()
    const id = await connected(op)
    op.provider.turnOn(name)
    const refusal = { status: 409, body: { code: 'attention_required', connection_reason: 'identity_changed' } }
    expect(await refreshOf(op, id)).toMatchObject(refusal)
    expect(await readTokenOf(op, id)).toMatchObject(refusal)
    expect(await refreshOf(op, id)).toMatchObject(refusal)
    expect(refreshTokensPresented(op)).toHaveLength(1)
    expect(await auditOf(op, id)).toContain('token_refresh_fatal')
    // The provider has rotated: what it sent is kept, sealed, for the operator and for a revocation.
    const [row] = await op.query(
      'select version::int as version, sealed_credentials is not null as kept from connections where id = $1',
      [id],
    )
    expect(row).toEqual({ version: 2, kept: true })
    expect(op.provider.oracle()).toMatchObject({ refreshes: 1, reuseCount: 0 })
  })
})
