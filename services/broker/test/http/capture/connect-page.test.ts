import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Answer } from '../../harness/request.js'
import { type CaptureBroker, cookieOf, csrfOf, resultOf, sha256, startCaptureBroker } from './capture-broker.js'

const schema = {
  type: 'object',
  properties: {
    host: {
      type: 'string',
      title: 'Host <name>',
      description: 'Without https://',
      pattern: '^[a-z.]+$',
      examples: ['db.acme.com'],
    },
    port: { type: 'integer', title: 'Port', default: 5432 },
    is_sandbox: { type: 'boolean', title: 'Sandbox' },
    zone: { type: 'string', enum: ['eu', 'us'], title: 'Zone' },
    api_key: { type: 'string', minLength: 8, title: 'API key' },
  },
  required: ['host', 'port', 'zone'],
}
const complete = { host: 'db.acme.com', port: '443', is_sandbox: 'true', zone: 'us', api_key: 'key-0123456789' }

let broker: CaptureBroker
let acmeId: string
let oauthId: string

beforeAll(async () => {
  broker = await startCaptureBroker()
  acmeId = await broker.register({ name: 'acme', credential_schema: schema })
  oauthId = await broker.register({
    name: 'desk',
    auth_type: 'oauth2',
    client_id: 'c',
    client_secret: 's',
    auth_url: 'https://{subdomain}.desk.example/authorize',
    token_url: 'https://{subdomain}.desk.example/token',
    url_variables: { subdomain: { title: 'Subdomain', pattern: '[a-z].*', example: 'acme' } },
  })
})
afterAll(() => broker.close())

const get = (path: string, headers: Record<string, string> = {}) =>
  broker.call('GET', path, { headers: { accept: 'text/html', ...headers } })
const post = (ticket: string, cookie: string, fields: Record<string, string>) =>
  broker.call('POST', `/auth/connect/${ticket}`, {
    body: new URLSearchParams(fields).toString(),
    headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded', cookie },
  })

async function openPage(providerId = acmeId) {
  const started = await broker.start(providerId)
  const page = await get(`/auth/connect/${started.ticket}`)
  return { ...started, page, cookie: cookieOf(page), csrf: csrfOf(page) }
}

const codeOf = (answer: Answer): unknown => /<h1>([^<]*)<\/h1>/.exec(answer.text)?.[1]

describe('the page for a person', () => {
  test('takes credentials from the browser that opened it and returns to the application', async () => {
    const { ticket, cookie, csrf, connectionId, page } = await openPage()
    expect(page.status).toBe(200)
    const answer = await post(ticket, cookie, { ...complete, _csrf: csrf })
    expect([answer.status, resultOf(answer)]).toEqual([
      303,
      { tab: '1', status: 'success', connection_id: connectionId, provider: 'acme' },
    ])
    expect((await broker.held(connectionId)).credentials).toEqual({
      type: 'static',
      values: { ...complete, port: 443, is_sandbox: true },
    })
  })

  test('names provider and application, and ties every label, hint and control together', async () => {
    const { page } = await openPage()
    expect(page.text).toContain('<html lang="en">')
    expect(page.text).toContain('<h1>Connect acme</h1>')
    expect(page.text).toContain('<strong>app.example.com</strong>')
    expect(page.text).toContain('stored encrypted')
    const controls = [...page.text.matchAll(/<(?:input|select|textarea)\b([^>]*)>/g)].map((match) => match[1] ?? '')
    const shown = controls.filter((control) => !control.includes('type="hidden"'))
    expect(shown.map((control) => /name="([^"]+)"/.exec(control)?.[1])).toEqual(Object.keys(schema.properties))
    for (const control of shown) {
      const id = /\bid="([^"]+)"/.exec(control)?.[1]
      expect(page.text).toContain(`<label for="${id}">`)
      for (const described of /aria-describedby="([^"]+)"/.exec(control)?.[1]?.split(' ') ?? [])
        expect(page.text).toContain(`id="${described}"`)
    }
    expect(shown[4]).toContain('type="password"')
    expect(page.text).not.toMatch(/<script|javascript:|\son\w+=/i)
  })

  test('cannot be framed, cached or scripted, and sends forms only home and to the return URL (A19)', async () => {
    const { page } = await openPage()
    expect(Object.fromEntries(page.headers)).toMatchObject({
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    const style = /<style>([\s\S]*?)<\/style>/.exec(page.text)?.[1] ?? ''
    const digest = Buffer.from(sha256(style), 'hex').toString('base64')
    expect(page.headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; form-action 'self' http://localhost https://app.example.com; frame-ancestors 'none'; base-uri 'none'`,
    )
  })

  test('says beside each field what is wrong, keeps the harmless values and forgets the secret ones', async () => {
    const { ticket, cookie, csrf, connectionId } = await openPage()
    const answer = await post(ticket, cookie, {
      ...complete,
      host: 'NOT"><a host',
      api_key: 'canary1',
      port: 'x',
      _csrf: csrf,
    })
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('<title>Error: Connect acme</title>')
    expect(answer.text).toContain('<a href="#field-1">Host &#60;name&#62; does not have the expected form</a>')
    expect(answer.text).toContain('API key must have at least 8 characters')
    expect(answer.text).toContain('value="NOT&#34;&#62;&#60;a host"')
    expect(answer.text).toMatch(
      /id="field-1"[^>]*aria-describedby="field-1-hint field-1-mistake"[^>]*aria-invalid="true"/,
    )
    expect(answer.text).toMatch(/<option value="us" selected *>/)
    expect(answer.text).not.toContain('canary1')
    expect((await broker.held(connectionId)).status).toBe('pending')
    expect((await post(ticket, cookie, { ...complete, _csrf: csrfOf(answer) })).status).toBe(303)
  })

  test('refuses a form from a browser that did not open the link (A4)', async () => {
    const { ticket, csrf, cookie, connectionId } = await openPage()
    const [name] = cookie.split('=')
    for (const strange of ['', `${name}=${'A'.repeat(43)}`, `${name}=`, 'other=1']) {
      const answer = await post(ticket, strange, { ...complete, _csrf: csrf })
      expect([answer.status, codeOf(answer)]).toEqual([403, 'Another browser started this consent'])
    }
    expect((await broker.held(connectionId)).status).toBe('pending')
  })

  test('refuses a form without the token of this page and this browser (A17)', async () => {
    const [mine, other] = [await openPage(), await openPage()]
    for (const token of ['', 'x', other.csrf, `${mine.csrf}A`]) {
      const answer = await post(mine.ticket, mine.cookie, { ...complete, _csrf: token })
      expect([answer.status, codeOf(answer)]).toEqual([403, 'The form was not opened by this browser'])
    }
    expect((await broker.held(mine.connectionId)).status).toBe('pending')
  })

  test('belongs to the browser that came last; a reload keeps the cookie', async () => {
    const first = await openPage()
    const reload = await get(`/auth/connect/${first.ticket}`, { cookie: first.cookie })
    expect([cookieOf(reload), csrfOf(reload)]).toEqual([first.cookie, first.csrf])
    const second = await get(`/auth/connect/${first.ticket}`)
    expect(cookieOf(second)).not.toBe(first.cookie)
    expect((await post(first.ticket, first.cookie, { ...complete, _csrf: first.csrf })).status).toBe(403)
    expect((await post(first.ticket, cookieOf(second), { ...complete, _csrf: csrfOf(second) })).status).toBe(303)
  })

  test('is gone after its one use, for people as a page and for programs as problem details', async () => {
    const { ticket, cookie, csrf } = await openPage()
    await post(ticket, cookie, { ...complete, _csrf: csrf })
    const page = await get(`/auth/connect/${ticket}`)
    expect([page.status, codeOf(page)]).toEqual([409, 'This consent was already completed'])
    expect(page.headers.get('content-security-policy')).toContain("form-action 'none'")
    expect((await post(ticket, cookie, { ...complete, _csrf: csrf })).status).toBe(409)
    const problem = await broker.call('GET', `/auth/connect/${ticket}`)
    expect(problem.body).toMatchObject({ code: 'consent_already_used', status: 409 })
  })

  test('of an unknown, expired or malformed link does not exist', async () => {
    const { ticket } = await openPage()
    await broker.query('update authorization_requests set expires_at = now() where id = ?', ticket)
    expect((await get(`/auth/connect/${ticket}`)).status).toBe(410)
    expect((await get(`/auth/connect/ar_${'0'.repeat(32)}`)).status).toBe(404)
    expect((await get('/auth/connect/%27;--')).status).toBe(404)
    expect((await broker.call('PUT', `/auth/connect/${ticket}`)).headers.get('allow')).toBe('GET, POST')
  })

  test('refuses a form that is too large or has too many fields', async () => {
    const { ticket, cookie, csrf } = await openPage()
    expect((await post(ticket, cookie, { _csrf: csrf, api_key: 'x'.repeat(70_000) })).status).toBe(413)
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${index}`, 'x']))
    expect((await post(ticket, cookie, { _csrf: csrf, ...many })).status).toBe(413)
  })
})

describe('the cookie of a link', () => {
  test('is HttpOnly, Lax, short-lived and named after its request', async () => {
    const { page, ticket } = await openPage()
    expect(page.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        new RegExp(`^dromos-${sha256(ticket).slice(0, 8)}=[\\w-]{43}; Max-Age=600; Path=/; HttpOnly; SameSite=Lax$`),
      ),
    ])
    const [row] = await broker.query<{ browser_digest: string }>(
      'select browser_digest from authorization_requests where id = ?',
      ticket,
    )
    expect(row?.browser_digest).toBe(sha256(cookieOf(page)))
  })

  test('has the prefix __Host- over https, and its value is worthless under the plain name (A18)', async () => {
    const secure = await startCaptureBroker({ baseUrl: 'https://broker.example' })
    try {
      const id = await secure.register({ name: 'acme', credential_schema: schema })
      const { ticket } = await secure.start(id)
      const page = await secure.call('GET', `/auth/connect/${ticket}`)
      expect(page.headers.getSetCookie()[0]).toMatch(/^__Host-dromos-[0-9a-f]{8}=[\w-]{43};.*; Secure; SameSite=Lax$/)
      const send = (cookie: string) =>
        secure.call('POST', `/auth/connect/${ticket}`, {
          body: new URLSearchParams({ ...complete, _csrf: csrfOf(page) }).toString(),
          headers: { 'content-type': 'application/x-www-form-urlencoded', cookie },
        })
      expect((await send(cookieOf(page).replace('__Host-', ''))).body.code).toBe('wrong_browser')
      expect((await send(cookieOf(page))).status).toBe(303)
    } finally {
      await secure.close()
    }
  })
})

describe('the page for URL placeholders', () => {
  test('asks for them, and then the consent goes on at the address they make', async () => {
    const { ticket, cookie, csrf, page } = await openPage(oauthId)
    expect(page.text).toContain('For example: acme')
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self' http://localhost https: ")
    const answer = await post(ticket, cookie, { subdomain: ' acme-eu ', _csrf: csrf })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `http://localhost/auth/start/${ticket}`])

    const hop = await get(`/auth/start/${ticket}`, { cookie })
    expect(new URL(hop.headers.get('location') ?? '').origin).toBe('https://acme-eu.desk.example')
    expect(cookieOf(hop)).toBe(cookie)
    const again = await post(ticket, cookie, { subdomain: 'evil', _csrf: csrf })
    expect(again.headers.get('location')).toBe(`http://localhost/auth/start/${ticket}`)
    const [row] = await broker.query<{ variables: unknown }>(
      'select variables from authorization_requests where id = ?',
      ticket,
    )
    expect(row?.variables).toEqual({ subdomain: 'acme-eu' })
  })

  test.each(['', 'UPPER', 'evil.example/x', 'a@evil.example', 'a.evil.example#', 'evil%2f', 'a\nb', '-a'])(
    'does not take %j for a subdomain',
    async (subdomain) => {
      const { ticket, cookie, csrf } = await openPage(oauthId)
      const answer = await post(ticket, cookie, { subdomain, _csrf: csrf })
      expect(answer.status).toBe(400)
      expect(answer.text).toContain(
        subdomain === '' ? 'Subdomain is required' : 'Subdomain does not have the expected form',
      )
    },
  )
})
