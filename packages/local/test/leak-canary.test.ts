import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestDatabase } from '@dromos/local/test-database'
import { findLeaks, keyMark, searchForLeaks } from '@dromos/local/leak-canary'
import { startProviderLab } from 'dromos-lab'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import LeakCanary from '../leak-canary/reporter.mjs'
import { formatApiKey, newApiKey } from '../../../services/broker/src/domain/api-key.js'
import { signState } from '../../../services/broker/src/domain/signed-state.js'

// The search of every run for its own secrets, given some to find: in a report of its own, or this run would fail.

const reportOfTheRun = process.env.DROMOS_LEAK_REPORT
const folder = mkdtempSync(join(tmpdir(), 'dromos-leak-test-'))
beforeAll(() => {
  process.env.DROMOS_LEAK_REPORT = join(folder, 'searches')
})
afterAll(() => {
  if (reportOfTheRun !== undefined) process.env.DROMOS_LEAK_REPORT = reportOfTheRun
  rmSync(folder, { recursive: true, force: true })
})

const redirectUri = 'http://localhost/auth/callback'

/** What the lab really hands out, and what we make ourselves. */
async function secrets(): Promise<Record<string, string>> {
  const lab = await startProviderLab()
  const provider = lab.createProvider({ signingAlg: 'ES256', pkce: 'optional', redirectUris: [redirectUri] })
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: provider.clientId,
    redirect_uri: redirectUri,
    scope: 'openid offline_access',
  })
  const authorize = `${provider.authorizationEndpoint}?${query.toString()}`
  const code = new URL(await provider.approve(authorize)).searchParams.get('code') ?? ''
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    client_id: provider.clientId,
    client_secret: provider.clientSecret,
  })
  const answer = (await (await fetch(provider.tokenEndpoint, { method: 'POST', body })).json()) as Record<
    string,
    string
  >
  await lab.close()
  const { access_token: accessToken = '', refresh_token: refreshToken = '', id_token: idToken = '' } = answer
  const members = { workspace_id: 'u', provider_id: 'p', nonce: 'cn', iat: '2026-01-01', tenant: 't', request: 'r' }
  const state = signState({ ...members, purpose: 'capture' }, Buffer.alloc(32))
  const own = { apiKey: formatApiKey(newApiKey()), state, key: Buffer.from(keyMark.padEnd(32, 'x')).toString('base64') }
  return { code, clientSecret: provider.clientSecret, accessToken, refreshToken, idToken, ...own }
}

describe('a secret of the tests is found (A72)', () => {
  test('whatever it is, in the clear, in hex and in base64', async () => {
    for (const [name, secret] of Object.entries(await secrets())) {
      const forms = [
        secret,
        Buffer.from(secret).toString('hex'),
        Buffer.from(`{"${name}":"${secret}"}`).toString('base64'),
      ]
      for (const form of forms)
        expect({ name, found: findLeaks(`{"level":"info","x":"${form}"}`).length > 0 }).toEqual({ name, found: true })
    }
  })

  test('in any column of any table, as text or as bytes, when its database is dropped', async () => {
    const { accessToken = '' } = await secrets()
    const database = await createTestDatabase()
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await client.query('create table leaks (a bytea, b jsonb)')
    await client.query('insert into leaks values ($1, null)', [Buffer.from(accessToken)])
    await client.query(`insert into audit_events (event_type, event_data) values ('x', $1)`, [{ sent: accessToken }])
    await client.end()
    await database.drop()
    const places = searches().filter(({ found }) => found.length > 0).map(({ place }) => place) // prettier-ignore
    expect(places.sort()).toEqual(['table audit_events', 'table leaks'])
  })

  test('and fails the run, in what it writes as in what suites searched', async () => {
    expect(await outcomeOf()).toMatch(/secrets of the tests came out[^]*table leaks \(.*leak-canary\.test\.ts\)/)
    process.env.DROMOS_LEAK_REPORT = join(folder, 'clean')
    searchForLeaks('log', 'a suite', '{"msg":"token refreshed","connectionId":"cn_0123456789abcdefghjkmnpqrstvwxyz"}')
    expect(await outcomeOf()).toBeUndefined()
  })
})

const searches = (): { place: string; found: string[] }[] =>
  readFileSync(join(folder, 'searches'), 'utf8').trim().split('\n').map((line) => JSON.parse(line)) // prettier-ignore

async function outcomeOf(): Promise<string | undefined> {
  const reporter = new LeakCanary(undefined, { print: () => undefined })
  await reporter.onRunComplete()
  return reporter.getLastError()?.message
}
