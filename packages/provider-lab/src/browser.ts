import { cookieOf } from './person.js'

const deadlineMs = 10_000

/**
 * Opens an authorization URL as a logged-in person's browser would, without following the redirect.
 * Returns the callback URL. Throws when the provider shows an error page instead, with what it says.
 */
export async function visitAuthorization(
  authUrl: string,
  person: { subject?: string; scope?: string; denies?: string },
): Promise<string> {
  const response = await fetch(authUrl, {
    redirect: 'manual',
    headers: { cookie: cookieOf(person) },
    signal: AbortSignal.timeout(deadlineMs),
  })
  const page = await response.text()
  const location = response.headers.get('location')
  if (response.status !== 302 || !location) throw new Error(`no redirect: ${response.status} ${page}`)
  return location
}
