import { request } from 'undici'
import { call } from './broker-api.js'

/** Where the provider sent a browser after a person agreed, as path and query at the broker, and the browser's cookie. */
export type Callback = { path: string; cookie: string }

/** An agent asks, a person follows the link and agrees at the provider; the callback is not opened yet. */
export async function giveConsent(url: string, providerId: string, turn: number): Promise<Callback> {
  const body = {
    workspace_id: `user-${turn}`,
    provider_id: providerId,
    return_url: 'https://app.example.com/done',
    scopes: ['openid'],
  }
  const spec = await call('POST', `${url}/auth/consent-spec`, body)
  const opened = await open(`${url}${new URL(String(spec.body.get('authUrl'))).pathname}`)
  const approved = await open(opened.location)
  const { pathname, search } = new URL(approved.location)
  return { path: `${pathname}${search}`, cookie: opened.cookie }
}

async function open(url: string): Promise<{ location: string; cookie: string }> {
  const { statusCode, headers, body } = await request(url, { method: 'GET' })
  await body.dump()
  const { location, 'set-cookie': setCookie = [] } = headers
  if (typeof location !== 'string') throw new Error(`${new URL(url).pathname} led nowhere: ${statusCode}`)
  const cookies = Array.isArray(setCookie) ? setCookie : [setCookie]
  return { location, cookie: cookies.map((each) => each.split(';')[0]).join('; ') }
}
