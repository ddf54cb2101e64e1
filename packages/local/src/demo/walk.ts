import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { Browser } from '../browser/browser.js'
import { signInAndConsent } from '../browser/sign-in.js'
import { RETURN_PATH } from '../identity-provider/return-page.js'
import { Problem } from '../problem.js'
import { isRecord } from '../stack/broker-api.js'
import type { Progress } from '../stack/progress.js'
import type { DevFile } from '../stack/stack-files.js'
import type { Completion, Edge, Requested } from './edge.js'

const ACTIVE_DEADLINE_MS = 15_000
const FIRST_SCOPES = ['openid', 'email', 'offline_access']
const WIDER_SCOPE = 'profile'

/** One whole connection over one edge: every step as an agent and a person would do it. Throws at the first that fails. */
export async function walk(edge: Edge, info: DevFile, login: string, progress: Progress): Promise<void> {
  const returnUrl = `${info.provider.issuer}${RETURN_PATH}`
  const requested = await progress.step(
    'request a connection',
    () => edge.requestConnection({ userId: login, provider: info.provider.name, scopes: FIRST_SCOPES, returnUrl }),
    ({ connectionId }) => connectionId,
  )
  await progress.step(
    'sign in and consent',
    () => consent(requested, returnUrl, login),
    () => 'back at the application',
  )
  await progress.step('check until active', () => untilActive(edge, requested.connectionId))
  const first = await progress.step('get the token', () => edge.getToken(requested.connectionId))
  await progress.step(
    'use the token',
    () => userInfo(info.provider.issuer, first),
    (subject) => `it belongs to ${subject}`,
  )
  const second = await progress.step(
    'refresh',
    () => refreshed(edge, requested.connectionId, first),
    () => 'a new token',
  )
  await progress.step('use the new token', () => userInfo(info.provider.issuer, second))
  await liveOn(edge, info, requested.connectionId, login, progress)
}

/** What becomes of a connection: it is listed, given more scopes, renewed in place, and ended. */
async function liveOn(edge: Edge, info: DevFile, id: string, login: string, progress: Progress): Promise<void> {
  const returnUrl = `${info.provider.issuer}${RETURN_PATH}`
  await progress.step(
    'list connections',
    () => listed(edge, id, login),
    (count) => `${count} of ${login}`,
  )
  await progress.step(
    'ask for one more scope',
    async () => consent(await edge.stepUp(id, { scopes: [WIDER_SCOPE], returnUrl }), returnUrl, login),
    () => 'the person agreed',
  )
  await progress.step(
    'look at it',
    () => granted(edge, id, WIDER_SCOPE),
    (scopes) => scopes.join(' '),
  )
  const renewed = await renewedToken(edge, id, returnUrl, login, progress)
  await progress.step(
    'disconnect',
    () => disconnected(edge, info.provider.issuer, id, renewed),
    () => 'revoked at the provider, and never served again',
  )
}

/** A reconnect with the completion step: what was granted counts once the application has confirmed who is signed in. */
async function renewedToken(
  edge: Edge,
  id: string,
  returnUrl: string,
  login: string,
  progress: Progress,
): Promise<string> {
  const before = await edge.getToken(id)
  const verifier = randomBytes(32).toString('base64url')
  const completionChallenge = createHash('sha256').update(verifier).digest('base64url')
  const connectCode = await progress.step(
    'reconnect',
    async () => consentToComplete(await edge.reconnect(id, { returnUrl, completionChallenge }), returnUrl, login),
    () => 'the person agreed; nothing has changed yet',
  )
  if ((await edge.getToken(id)) !== before) throw new Problem('a token changed before the connection was completed')
  await progress.step(
    'complete it',
    () => completed(edge, id, { connectCode, userId: login, verifier }),
    () => `the application confirms that ${login} is signed in`,
  )
  const renewed = await progress.step('get the renewed token', () => edge.getToken(id))
  if (renewed === before) throw new Problem('the reconnect brought no new token')
  return renewed
}

async function completed(edge: Edge, id: string, completion: Completion): Promise<void> {
  const { status } = await edge.complete(id, completion)
  if (status !== 'active') throw new Problem(`the completed connection is "${status}" instead of active`)
}

async function consent(requested: Requested, returnUrl: string, login: string): Promise<void> {
  await landing(requested, returnUrl, login, 'success')
}

async function consentToComplete(requested: Requested, returnUrl: string, login: string): Promise<string> {
  const code = (await landing(requested, returnUrl, login, 'pending')).get('connect_code')
  if (code === null) throw new Problem('the broker returned no connect_code')
  return code
}

/** Consents as the person and returns the query with which the browser lands at the application. */
async function landing(
  { authUrl, connectionId }: Requested,
  returnUrl: string,
  login: string,
  status: 'success' | 'pending',
): Promise<URLSearchParams> {
  const browser = new Browser({ stopAt: (url) => url.startsWith(returnUrl) })
  try {
    const landed = await signInAndConsent(browser, authUrl, login)
    if (!landed.url.startsWith(returnUrl)) {
      throw new Problem(
        `the pages ended at ${withoutQuery(landed.url)} with status ${landed.status}, not at the return URL`,
      )
    }
    const result = new URL(landed.url).searchParams
    if (result.get('status') !== status || result.get('connection_id') !== connectionId) {
      throw new Problem(`the broker returned status=${result.get('status')} error=${result.get('error')}`)
    }
    return result
  } finally {
    await browser.close()
  }
}

function withoutQuery(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}

async function untilActive(edge: Edge, connectionId: string): Promise<void> {
  const deadline = Date.now() + ACTIVE_DEADLINE_MS
  for (;;) {
    const status = await edge.checkConnection(connectionId)
    if (status === 'active') return
    if (status === 'failed' || Date.now() > deadline)
      throw new Problem(`the connection is "${status}" instead of active`)
    await pause(50)
  }
}

/** Calls the provider as an agent would; returns whose token it is. */
async function userInfo(issuer: string, accessToken: string): Promise<string> {
  const answer = await request(`${issuer}/me`, {
    headers: { authorization: `Bearer ${accessToken}` },
    headersTimeout: 15_000,
  })
  const body: unknown = await answer.body.json().catch(() => undefined)
  if (answer.statusCode === 200 && isRecord(body) && typeof body['sub'] === 'string') return body['sub']
  throw new Problem(`the provider refused the token with status ${answer.statusCode}`)
}

async function listed(edge: Edge, id: string, login: string): Promise<number> {
  const ids = await edge.listConnections(login)
  if (!ids.includes(id)) throw new Problem('the list lacks the connection')
  return ids.length
}

async function granted(edge: Edge, id: string, scope: string): Promise<string[]> {
  const { grantedScopes } = await edge.getConnection(id)
  if (!grantedScopes.includes(scope)) throw new Problem(`the provider did not grant ${scope}`)
  return grantedScopes
}

async function disconnected(edge: Edge, issuer: string, id: string, token: string): Promise<void> {
  const { status } = await edge.disconnect(id)
  if (status !== 'revoked') throw new Problem(`the connection is "${status}" instead of revoked`)
  const isServed = await edge.getToken(id).then(
    () => true,
    () => false,
  )
  if (isServed) throw new Problem('a disconnected connection gave a token')
  const isAlive = await userInfo(issuer, token).then(
    () => true,
    () => false,
  )
  if (isAlive) throw new Problem('the provider still takes the token of a disconnected connection')
}

async function refreshed(edge: Edge, connectionId: string, before: string): Promise<string> {
  const after = await edge.refreshConnection(connectionId)
  if (after === before) throw new Problem('the token is the same as before')
  return after
}
