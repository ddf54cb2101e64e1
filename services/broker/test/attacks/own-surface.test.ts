import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { accepted, issuedTokens, login } from '../conformance/outcome.js'
import { type MoreProviders, startMoreProviders } from '../harness/more-providers.js'
import { approved, comeBack, connected, readTokenOf, refreshOf } from '../harness/person.js'
import { attackScale } from './scale.js'
import { returnUrl, startTestBroker, type TestBroker } from '../harness/test-broker.js'

let broker: TestBroker
let providers: MoreProviders
beforeAll(async () => {
  broker = await startTestBroker()
  providers = await startMoreProviders(broker)
})
afterAll(async () => {
  await providers.close()
  await broker.close()
})

describe('what a provider says is never repeated to anybody', () => {
  const marker = 'metadata-of-the-cloud-169-254'
  const reply = {
    status: 400,
    headers: { 'x-internal': marker, location: `http://${marker}/` },
    body: `<b>${marker}</b>`,
  }

  test('not at the callback, at a refresh, in the log, nor in the audit (A40)', async () => {
    const op = await providers.add()
    const id = await connected(op)
    const { callbackUrl, cookie } = await approved(op)
    const before = op.logged().length
    op.provider.replies(reply)
    const callback = await comeBack(op, callbackUrl, cookie)
    op.provider.replies({
      ...reply,
      body: { error: `<b>${marker}</b>`, error_description: marker, [marker]: 1 },
    })
    const refresh = await refreshOf(op, id)
    expect([callback.status, refresh.status]).toEqual([302, 502])
    const heard = [callback, refresh].map(({ text, headers }) => text + JSON.stringify([...headers]))
    const audit = await op.query('select event_data::text from audit_events')
    expect([...heard, op.logged().slice(before), JSON.stringify(audit)].join('\n')).not.toContain(marker)
  })

  test('nor in the answer to a consent whose metadata cannot be read (A40)', async () => {
    const op = await providers.add()
    op.provider.turnOn('disc.html')
    const body = { workspace_id: 'user-1', provider_id: op.providerId, return_url: returnUrl }
    const answer = await op.call('POST', '/auth/consent-spec', { body })
    expect(answer).toMatchObject({ status: 503, body: { code: 'provider_unavailable' } })
    expect(answer.text).not.toMatch(/html|Something went wrong/i)
  })

  test('a token or secret that the provider echoes in an error stays out of answer, log and audit (A60)', async () => {
    const op = await providers.add()
    const id = await connected(op)
    const before = op.logged().length
    op.provider.turnOn('tok.error_echoes_token')
    const answer = await refreshOf(op, id)
    expect(answer.status).toBe(409)
    const [sent] = op.provider.journal('token').flatMap(({ form }) => form.refresh_token ?? [])
    expect(op.provider.journal('token').at(-1)?.answered?.body).toContain(sent)
    const audit = await op.query('select event_data::text from audit_events where connection_id = $1', [id])
    const heard = [answer.text, op.logged().slice(before), JSON.stringify(audit)].join('\n')
    for (const secret of [sent ?? '', op.provider.clientSecret, ...issuedTokens(op)])
      expect(heard).not.toContain(secret)
  })
})

describe('member names that would reach a prototype stay data', () => {
  const isPolluted = (): boolean => 'polluted' in {} || 'polluted' in Object || typeof {}.toString !== 'function'

  test.each(['tok.prototype_keys', 'disc.prototype_keys'] as const)('%s of a provider (A52)', async (name) => {
    const op = await providers.add()
    op.provider.turnOn(name)
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(accepted(op, connectionId))
    expect(isPolluted()).toBe(false)
    expect((await readTokenOf(op, connectionId)).text).not.toContain('polluted')
  })

  test.each(['__proto__', 'constructor', 'prototype', 'toString'])('%s of a caller (A52)', async (name) => {
    const hostile = `"${name}":{"polluted":true}`
    const urls = '"auth_url":"https://op.example/a","token_url":"https://op.example/t"'
    const profile = `"name":"p-${name.toLowerCase().replaceAll('_', '')}","client_id":"c","client_secret":"s",${urls}`
    const wish = `"workspace_id":"u","provider_id":"${broker.providerId}","return_url":"${returnUrl}"`
    const calls: [string, string][] = [
      ['/providers', `{"profile":{${profile},${hostile}}}`],
      ['/providers', `{${hostile},"profile":{${profile},"params":{${hostile}},"authorize_params":{${hostile}}}}`],
      ['/auth/consent-spec', `{${wish},${hostile},"variables":{${hostile}}}`],
    ]
    // Ignored or refused: both are fine, as long as nothing of it is applied or kept.
    for (const [path, body] of calls)
      expect([200, 201, 400]).toContain((await broker.call('POST', path, { body })).status)
    expect(isPolluted()).toBe(false)
    for (const table of ['provider_profiles', 'authorization_requests', 'connections'])
      expect(await broker.query(`select 1 from ${table} t where t::text like '%polluted%'`)).toEqual([])
  })
})

test('an older ciphertext of the same connection, put back, does not open: no old token is served again (A69)', async () => {
  const op = await providers.add()
  const id = await connected(op)
  const sealed = async () =>
    (await op.query<{ sealed: Buffer }>('select sealed_credentials as sealed from connections where id = $1', [id]))[0]
  const old = await sealed()
  const [oldToken] = issuedTokens(op)
  expect((await refreshOf(op, id)).status).toBe(200)
  const current = await sealed()
  await op.query('update connections set sealed_credentials = $2 where id = $1', [id, old?.sealed])
  const answer = await readTokenOf(op, id)
  expect(answer).toMatchObject({ status: 500, body: { code: 'integrity_error' } })
  expect(answer.text).not.toContain(oldToken)
  expect(await refreshOf(op, id)).toMatchObject({ status: 500, body: { code: 'integrity_error' } })
  expect(op.provider.oracle().refreshes).toBe(1)
  await op.query('update connections set sealed_credentials = $2 where id = $1', [id, current?.sealed])
  expect((await readTokenOf(op, id)).status).toBe(200)
})

test(
  'strangers’ paths, ids, methods and names make no new metric series (A73)',
  async () => {
    const series = async () =>
    new Set((await broker.call('GET', '/metrics')).text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.replace(/ [^ ]+$/, ''))) // prettier-ignore
    const probe = async (n: number) => {
      const name = `probe-${n}-of-a-stranger`
      const body = { workspace_id: name, provider_name: name, return_url: returnUrl }
      await Promise.all([
        broker.call('GET', `/${name}`),
        broker.call('GET', `/connections/cn_${String(n).padStart(32, '0')}/token`),
        broker.call('GET', `/connections/${name}/status`),
        broker.call('POST', `/connections/${name}/${name}`),
        broker.call('GET', `/auth/start/${name}`, { key: null }),
        broker.call('GET', `/auth/callback?state=${name}&code=${name}&error=${name}`, { key: null }),
        broker.call('GET', `/providers/by-name/${name}`),
        broker.call('POST', '/auth/consent-spec', { body }),
        broker.call('GET', '/providers', { key: name }),
        broker.call(`PROPFIND`, `/${name}`),
      ])
    }
    for (let n = 0; n < 5; n++) await probe(n) // whatever routes and outcomes there are have been seen once
    await series() // a reading is a series itself
    const before = await series()
    const probes = 100 * attackScale // ten requests each
    for (let n = 5; n < 5 + probes; n += 5) await Promise.all([0, 1, 2, 3, 4].map((each) => probe(n + each)))
    const after = await series()
    // What the garbage collector does meanwhile is its own affair.
    expect([...after].filter((each) => !before.has(each) && !each.startsWith('nodejs_'))).toEqual([])
    expect([...after].join('\n')).not.toContain('stranger')
  },
  20_000 + 20_000 * attackScale,
)

test('no answer tells which software or version wrote it (A86)', async () => {
  const answers = await Promise.all([
    broker.call('GET', '/nowhere'),
    broker.call('GET', '/healthz', { key: null }),
    broker.call('POST', '/providers', { body: '{' }),
    broker.call('GET', '/auth/callback?state=x&code=y', { key: null }),
    broker.call('GET', '/auth/start/x', { key: null, headers: { accept: 'text/html' } }),
    broker.call('TRACE', '/').catch(() => undefined), // fetch refuses to send it
    broker.call('GET', '/debug'),
    broker.call('GET', '/%00'),
    broker.call('GET', '/connections/%E0%A4%A'),
  ])
  for (const answer of answers.flatMap((each) => each ?? [])) {
    expect(['server', 'x-powered-by', 'via', 'x-runtime'].filter((name) => answer.headers.has(name))).toEqual([])
    expect(answer.text).not.toMatch(/express|node_modules|\.(ts|js):\d|\bat \w+ \(|dromos\/\d|v\d+\.\d+\.\d+/i)
    expect(answer.status).toBeLessThan(500)
  }
})
