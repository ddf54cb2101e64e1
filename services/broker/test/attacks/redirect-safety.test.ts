import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { checkReturnUrl, parseReturnUrlRule, type ReturnUrlRule } from '../../src/domain/return-url.js'
import { issuedTokens } from '../conformance/outcome.js'
import { approved, comeBack, resultOf } from '../harness/person.js'
import { startTestBroker, type TestBroker } from '../harness/test-broker.js'
import { redirectCorpus } from './redirect-corpus.js'

let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({ environment: { ALLOWED_RETURN_DOMAINS: 'app.example.com,*.tenants.example.com' } })
})
afterAll(() => broker.close())

const ask = (returnUrl: string) =>
  broker.call('POST', '/auth/consent-spec', {
    body: { workspace_id: 'user-1', provider_id: broker.providerId, return_url: returnUrl, scopes: ['openid'] },
  })
const connections = () => broker.query('select id from connections')
const refusal = { status: 400, body: { code: 'return_url_not_allowed' } }

/** A consent that is ready to come back, whose stored return URL somebody has replaced. */
async function comeBackTo(returnUrl: string) {
  const { callbackUrl, cookie, connectionId } = await approved(broker)
  await broker.query('update authorization_requests set return_url = $2 where connection_id = $1', [
    connectionId,
    returnUrl,
  ])
  return comeBack(broker, callbackUrl, cookie)
}

describe('a return URL is refused when it is asked for and again before the redirect:', () => {
  test.each([
    ['user name', 'https://app.example.com@evil.com', '(A21)'],
    ['user name and password', 'https://app.example.com:pw@evil.com', '(A21)'],
    ['user name before our own host', 'https://evil.com@app.example.com/', '(A21)'],
    ['backslash', 'https://evil.com\\@app.example.com', '(A22)'],
    ['tab that parsers drop', 'https://ev\til.com', '(A22)'],
    ['newline in the scheme', 'java\nscript:alert(1)', '(A22)'],
    ['space in front', ' https://app.example.com/', '(A22)'],
    ['longer host', 'https://app.example.com.evil.com', '(A23)'],
    ['host with our name at its end', 'https://evilapp.example.com', '(A23)'],
    ['apex of a wildcard', 'https://tenants.example.com/', '(A23)'],
    ['host with a wildcard’s name at its end', 'https://eviltenants.example.com/', '(A23)'],
    ['host below a wildcard with an empty label', 'https://..a.tenants.example.com/', '(A23)'],
    ['encoded dot', 'https://app.example.com%2eevil.com', '(A24)'],
    ['ideographic full stop', 'https://app.example.com。evil.com', '(A24)'],
    ['full-width letters', 'https://ｅｖｉｌ.com', '(A24)'],
    ['javascript:', 'javascript:alert(1)', '(A25)'],
    ['data:', 'data:text/html,x', '(A25)'],
    ['https: without slashes', 'https:evil.com', '(A25)'],
    ['https: with one slash', 'https:/evil.com', '(A25)'],
    ['no scheme', '//evil.com', '(A25)'],
    ['other port', 'https://app.example.com:8443/', '(A26)'],
    ['plain http', 'http://app.example.com/', '(A26)'],
    ['header in its query', 'https://app.example.com/?x=1\r\nSet-Cookie: owned=1', '(A29)'],
    ['bare newline', 'https://app.example.com/\nx', '(A29)'],
  ])('%s: %j %s', async (_what, url, _row) => {
    const before = (await connections()).length
    expect(await ask(url)).toMatchObject(refusal)
    expect(await connections()).toHaveLength(before)
    const exchanges = broker.provider.journal('token').length
    const answer = await comeBackTo(url)
    expect(answer).toMatchObject(refusal)
    expect(answer.headers.get('location')).toBeNull()
    expect(broker.provider.journal('token')).toHaveLength(exchanges)
  })
})

describe('what is allowed is written the way the parser reads it', () => {
  test.each([
    ['https://APP.example.com/%7Euser', 'https://app.example.com/%7Euser', '(A24)'],
    ['https://ａｐｐ.example。com/cb', 'https://app.example.com/cb', '(A24)'],
    ['https://app.example.com:443/cb', 'https://app.example.com/cb', '(A26)'],
    ['https://app.example.com/cb/../admin', 'https://app.example.com/admin', '(A27)'],
    ['https://app.example.com/cb/%2e%2e/admin', 'https://app.example.com/admin', '(A27)'],
  ])('%s %s %s', async (url, serialised, _row) => {
    const { connection_id: id } = (await ask(url)).body
    const sql = 'select return_url from authorization_requests where connection_id = $1'
    expect(await broker.query(sql, [id])).toEqual([{ return_url: serialised }])
  })

  test('a rule never names a path, so no path can be escaped from (A27)', () => {
    for (const rule of ['app.example.com/cb', 'https://app.example.com/cb/', 'app.example.com/..'])
      expect(parseReturnUrlRule(rule)).toBeUndefined()
  })
})

describe('the corpus of open redirects', () => {
  const rules = [parseReturnUrlRule('app.example.com') as ReturnUrlRule]
  const accepted = (url: string): string | undefined => {
    try {
      return checkReturnUrl(url, rules)
    } catch {
      return undefined
    }
  }

  test('has over a thousand URLs, and none leads off the allowlist (A30)', () => {
    expect(redirectCorpus.length).toBeGreaterThan(1000)
    const origins = redirectCorpus.flatMap((url) => accepted(url) ?? []).map((url) => new URL(url).origin)
    expect(new Set(origins)).toEqual(new Set())
  })

  test('a sample of it is refused by the running broker, too (A30)', async () => {
    const sample = redirectCorpus.filter((_url, index) => index % 40 === 0)
    const answers = await Promise.all(sample.map(ask))
    expect(answers.map(({ status }) => status)).toEqual(sample.map(() => 400))
  })
})

test.each([
  ['well', undefined],
  ['badly', 'idt.bad_sig'],
] as const)('a consent that ended %s tells the next page and its Referer nothing secret (A31)', async (_how, name) => {
  const { callbackUrl, cookie } = await approved(broker)
  if (name !== undefined) broker.provider.turnOn(name)
  const answer = await comeBack(broker, callbackUrl, cookie)
  broker.provider.turnOff('idt.bad_sig')
  expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
  expect(Object.keys(resultOf(answer)).sort()).toEqual(
    name === undefined ? ['connection_id', 'provider', 'status'] : ['connection_id', 'error', 'status'],
  )
  const { code, state } = Object.fromEntries(new URL(callbackUrl).searchParams)
  for (const secret of [code ?? '', state ?? '', ...issuedTokens(broker)])
    expect(answer.headers.get('location')).not.toContain(secret)
})
