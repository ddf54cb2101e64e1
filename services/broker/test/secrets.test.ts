import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { approved, askForConsent, comeBack, connected, openLink, readTokenOf, refreshOf } from './harness/person.js'
import { operatorKey, startTestBroker, type TestBroker } from './harness/test-broker.js'

// Every secret that went through the broker, against every place where one could come out again.

let broker: TestBroker
const answers: string[] = []
const secrets = new Set<string>([operatorKey])

beforeAll(async () => {
  broker = await startTestBroker({ environment: { LOG_LEVEL: 'trace' } })
  secrets.add(broker.provider.clientSecret)
  await everyFlow()
  collectFromJournal()
}, 60_000)
afterAll(() => broker.close())

const keep = (answer: { status: number; text: string; headers: Headers }): void => {
  if (answer.status >= 400) answers.push(answer.text, JSON.stringify([...answer.headers]))
}

async function everyFlow(): Promise<void> {
  const id = await connected(broker)
  await readTokenOf(broker, id)
  await refreshOf(broker, id)
  for (const name of ['tok.reset_after_rotate', 'refresh_idt.sub+1', 'tok.5xx', 'tok.crlf_in_token'] as const) {
    const victim = await connected(broker)
    broker.provider.turnOn(name)
    keep(await refreshOf(broker, victim))
    keep(await readTokenOf(broker, victim))
    broker.provider.turnOff(name)
  }
  for (const name of ['idt.nonce+1', 'tok.200_error', 'idt.bad_sig', 'idt.missing_though_openid'] as const) {
    broker.provider.turnOn(name)
    const { callbackUrl, cookie } = await approved(broker)
    remember(new URL(callbackUrl).searchParams.get('code'), cookie.split('=')[1])
    keep(await comeBack(broker, callbackUrl, cookie))
    keep(await comeBack(broker, callbackUrl, cookie))
    keep(await comeBack(broker, callbackUrl, ''))
    broker.provider.turnOff(name)
  }
  const spec = await askForConsent(broker)
  remember((await openLink(broker, spec.authUrl)).cookie.split('=')[1], spec.state)
  keep(await broker.call('GET', `/auth/callback?code=leaky-code-leaky-code&state=${spec.state}x`, { key: null }))
  keep(
    await broker.call('GET', '/providers', { key: 'dk_0000000000000000_leakyleakyleakyleakyleakyleakyleakyleakylea' }),
  )
  keep(
    await broker.call('PATCH', `/providers/${broker.providerId}`, {
      body: { client_secret: 7, client_auth: 'leaky-secret-value' },
    }),
  )
  answers.push((await broker.call('GET', `/providers/${broker.providerId}`)).text)
  remember('leaky-code-leaky-code', 'leakyleakyleakyleaky', 'leaky-secret-value')
}

function remember(...values: (string | null | undefined)[]): void {
  for (const value of values) if (value) secrets.add(value)
}

function collectFromJournal(): void {
  for (const { form, answered } of broker.provider.journal('token')) {
    remember(form?.code, form?.code_verifier, form?.refresh_token)
    const body = String(answered?.body ?? '')
    for (const name of ['access_token', 'refresh_token', 'id_token'])
      remember(new RegExp(`"${name}":"([^"\\\\]{8,})`).exec(body)?.[1])
  }
}

const foundIn = (text: string): string[] =>
  [...secrets].filter((secret) => text.includes(secret) || text.includes(Buffer.from(secret).toString('hex')))

describe('secrets stay where they belong', () => {
  test('the flows really carried some: tokens, codes, verifiers, cookies', () => {
    expect(secrets.size).toBeGreaterThan(30)
  })

  test('none in a log line, not even at the finest level (A72)', () => {
    expect(broker.logged()).toContain('oauth_flow_completed')
    expect(foundIn(broker.logged())).toEqual([])
  })

  test('none in an error body or header, none in what an operator reads of a provider (fault 2) (A72)', () => {
    expect(answers.length).toBeGreaterThan(20)
    expect(foundIn(answers.join('\n'))).toEqual([])
  })

  test('none in the metrics (A72)', async () => {
    expect(foundIn((await broker.call('GET', '/metrics')).text)).toEqual([])
  })

  test('none in the audit (fault 42) (A72)', async () => {
    const { text } = await broker.call('GET', '/audit?limit=1000')
    expect(text).toContain('token_refresh_fatal')
    expect(foundIn(text)).toEqual([])
  })

  test('none in any column of the database, as text or as bytes (fault 46) (A72)', async () => {
    const tables = await broker.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public'`,
    )
    for (const { name } of tables) {
      const rows = await broker.query<{ row: string }>(`select t::text as row from "${name}" t`)
      expect({ name, found: foundIn(rows.map(({ row }) => row).join('\n')) }).toEqual({ name, found: [] })
    }
  })

  test('an error is logged without its message and without what the library hangs on it (fault 50)', () => {
    expect(broker.logged()).not.toMatch(/"url":|\?code=|"query":/)
  })
})
