import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { cookieOf } from './person.js'
import { readBody } from './request.js'

const deadlineMs = 10_000

export type Visitor = {
  person: { subject?: string; scope?: string; denies?: string }
  /** What the browser trusts, as PEM, besides the platform's authorities. */
  ca: string | undefined
}

/**
 * Opens an authorization URL as a logged-in person's browser would, without following the redirect.
 * Returns the callback URL. Throws when the provider shows an error page instead, with what it says.
 */
export async function visitAuthorization(authUrl: string, visitor: Visitor): Promise<string> {
  const response = await open(authUrl, visitor)
  const page = await readBody(response)
  const { location } = response.headers
  if (response.statusCode !== 302 || !location) throw new Error(`no redirect: ${response.statusCode} ${page}`)
  return location
}

// Not fetch: it cannot be told whom to trust.
function open(url: string, { person, ca }: Visitor): Promise<IncomingMessage> {
  const options = { headers: { cookie: cookieOf(person) }, agent: false, signal: AbortSignal.timeout(deadlineMs) }
  return new Promise((resolve, reject) => {
    const sent = url.startsWith('https:')
      ? requestHttps(url, { ...options, ...(ca !== undefined && { ca }) }, resolve)
      : requestHttp(url, options, resolve)
    sent.on('error', reject)
    sent.end()
  })
}
