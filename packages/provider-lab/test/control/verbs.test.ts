import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { HoldView } from '../../src/control/tenant-holds.js'
import type { JournalEntry, Oracle } from '../../src/index.js'
import { startControlledLab, type ControlledLab, type Tenant } from './control.js'

type Issued = { access_token: string; refresh_token: string }

let lab: ControlledLab
beforeAll(async () => {
  lab = await startControlledLab()
})
afterAll(() => lab.close())

async function created(body: object = {}) {
  const { status, body: tenant } = await lab.ask<Tenant>('POST', '/ctl/t', body)
  expect(status).toBe(201)
  const path = `/ctl/t/${tenant.id}`
  const issue = async () => (await lab.ask<Issued>('POST', `${path}/issue`, { subject: 'ada', scope: 'openid' })).body
  const refresh = async (refreshToken: string) => {
    const response = await fetch(tenant.token_endpoint, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${tenant.client_id}:${tenant.client_secret}`)}` },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken }),
      signal: AbortSignal.timeout(10_000),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  return { tenant, path, issue, refresh }
}

test('a provider is made, configured by what the answer tells, and forgotten', async () => {
  const { tenant, path } = await created({ id: 'acme', preset: 'okta', client_id: 'mine' })
  expect(tenant).toMatchObject({ id: 'acme', client_id: 'mine', switches: {} })
  const metadata = (await (await fetch(tenant.discovery_url)).json()) as Record<string, unknown>
  expect(metadata).toMatchObject({ issuer: tenant.issuer, token_endpoint: tenant.token_endpoint })
  expect((await lab.ask<Tenant[]>('GET', '/ctl/t')).body.map(({ id }) => id)).toContain('acme')
  expect((await lab.ask('DELETE', path)).status).toBe(204)
  expect((await fetch(tenant.discovery_url)).status).toBe(404)
  expect((await lab.ask('GET', path)).status).toBe(404)
})

test('a switch goes on with its mode and off again, and the journal names it in the requests it spoilt', async () => {
  const { tenant, path, issue, refresh } = await created({ refresh: { mode: 'stable' } })
  const { refresh_token: token } = await issue()
  const on = await lab.ask('PUT', `${path}/switch/tok.429`, { mode: 'times', n: 1, value: 30 })
  expect(on.body).toEqual({ 'tok.429': { mode: 'times', n: 1, value: 30 } })
  expect((await refresh(token)).status).toBe(429)
  expect((await refresh(token)).status).toBe(200)
  expect((await lab.ask('DELETE', `${path}/switch/tok.429`)).body).toEqual({})

  const { body: journal } = await lab.ask<JournalEntry[]>('GET', `${path}/journal?endpoint=token`)
  expect(journal.map(({ switches }) => switches)).toEqual([['tok.429'], []])
  expect(journal[0]).toMatchObject({
    seq: 1,
    endpoint: 'token',
    form: { grant_type: 'refresh_token', refresh_token: token },
    answered: { status: 429 },
  })
  expect(journal[0]?.rawHead).toMatch(new RegExp(`^POST /t/${tenant.id}/token HTTP/1.1\r\n[^]*host: `, 'i'))
  expect((await lab.ask('GET', `${path}/journal?after=1`)).body).toHaveLength(1)
})

test('switches can be on from the start and all go off at once', async () => {
  const { tenant, path } = await created({ switches: { 'tok.no_expires_in': {}, 'idt.iss+1': { mode: 'nth', n: 2 } } })
  expect(Object.keys(tenant.switches)).toEqual(['tok.no_expires_in', 'idt.iss+1'])
  await lab.ask('DELETE', `${path}/switch`)
  expect((await lab.ask<Tenant>('GET', path)).body.switches).toEqual({})
})

test('the clock moves for one provider alone', async () => {
  const [one, other] = [await created({ access_token_seconds: 60 }), await created({ access_token_seconds: 60 })]
  const ask = async ({ tenant, issue }: Awaited<ReturnType<typeof created>>, between: () => Promise<unknown>) => {
    const { access_token: token } = await issue()
    await between()
    return (await fetch(tenant.api_url, { headers: { authorization: `Bearer ${token}` } })).status
  }
  expect(await ask(one, () => lab.ask('POST', `${one.path}/clock`, { advance_ms: 61_000 }))).toBe(401)
  expect(await ask(other, async () => undefined)).toBe(200)
})

test('keys rotate', async () => {
  const { tenant, path } = await created({ signing_alg: 'ES256' })
  const kids = async () => await (await fetch(tenant.jwks_uri)).json()
  const before = await kids()
  expect((await lab.ask('POST', `${path}/rotate-keys`)).status).toBe(204)
  expect(await kids()).not.toEqual(before)
})

test('a token or everything of a person is revoked, and the oracle knows', async () => {
  const { path, issue, refresh } = await created({ refresh: { mode: 'stable' } })
  const [first, second] = [await issue(), await issue()]
  expect((await lab.ask('POST', `${path}/revoke`, { token: first.refresh_token })).body).toEqual({ revoked: true })
  expect((await lab.ask('POST', `${path}/revoke`, { token: 'foreign' })).body).toEqual({ revoked: false })
  expect([(await refresh(first.refresh_token)).status, (await refresh(second.refresh_token)).status]).toEqual([
    400, 200,
  ])
  await lab.ask('POST', `${path}/revoke-user`, { subject: 'ada' })
  expect((await refresh(second.refresh_token)).body).toMatchObject({ error: 'invalid_grant' })
  const { body: oracle } = await lab.ask('GET', `${path}/oracle`)
  expect(oracle).toMatchObject({ refreshes: 1, reuseCount: 0, families: [{ alive: false }, { alive: false }] })
})

test('a request is held at a named point until it is released', async () => {
  const { path, issue, refresh } = await created()
  const { refresh_token: token } = await issue()
  const { status, body: hold } = await lab.ask<HoldView>('POST', `${path}/hold`, { point: 'after-rotate' })
  expect([status, hold.reached]).toEqual([201, false])
  const answer = refresh(token)
  expect((await lab.ask('GET', `${path}/hold/${hold.hold}?wait_ms=10000`)).body).toEqual({ ...hold, reached: true })
  const { families } = (await lab.ask<Oracle>('GET', `${path}/oracle`)).body
  expect(families[0]?.currentRefreshToken).not.toBe(token)
  expect((await lab.ask('POST', `${path}/release`, { hold: hold.hold })).body).toEqual({ released: 1 })
  expect((await answer).status).toBe(200)
})

test('the lists name every switch with what to expect, every preset and every path', async () => {
  const { body: switches } = await lab.ask('GET', '/ctl/switches')
  expect(switches).toContainEqual({
    name: 'idt.alg_none',
    family: 'id_token',
    does: 'alg none, no signature',
    expect: { outcome: 'failed', because: expect.stringContaining('RFC 8725') },
  })
  const { body: presets } = await lab.ask<Array<{ name: string }>>('GET', '/ctl/presets')
  expect(presets.map(({ name }) => name)).toContain('hostile5')
  const { body: paths } = await lab.ask('GET', '/ctl')
  expect(paths).toContainEqual(expect.objectContaining({ method: 'PUT', path: '/ctl/t/{id}/switch/{name}' }))
})
