import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { Browser } from '../browser/browser.js'
import { signInAndConsent } from '../browser/sign-in.js'
import { RETURN_PATH } from '../identity-provider/return-page.js'
import { Problem } from '../problem.js'
import { isRecord } from '../stack/broker-api.js'
import type { Progress } from '../stack/progress.js'
import type { DevFile } from '../stack/stack-files.js'
import type { Edge, Requested } from './edge.js'

const ACTIVE_DEADLINE_MS = 15_000

/** One whole connection over one edge: every step as an agent and a person would do it. Throws at the first that fails. */
export async function walk(edge: Edge, info: DevFile, login: string, progress: Progress): Promise<void> {
  const returnUrl = `${info.provider.issuer}${RETURN_PATH}`
  const requested = await progress.step(
    'request a connection',
    () => edge.requestConnection({ userId: login, provider: info.provider.name, returnUrl }),
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
}

async function consent({ authUrl, connectionId }: Requested, returnUrl: string, login: string): Promise<void> {
  const browser = new Browser({ stopAt: (url) => url.startsWith(returnUrl) })
  try {
    const landed = await signInAndConsent(browser, authUrl, login)
    if (!landed.url.startsWith(returnUrl)) {
      throw new Problem(
        `the pages ended at ${withoutQuery(landed.url)} with status ${landed.status}, not at the return URL`,
      )
    }
    const result = new URL(landed.url).searchParams
    if (result.get('status') !== 'success' || result.get('connection_id') !== connectionId) {
      throw new Problem(`the broker returned status=${result.get('status')} error=${result.get('error')}`)
    }
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

async function refreshed(edge: Edge, connectionId: string, before: string): Promise<string> {
  const after = await edge.refreshConnection(connectionId)
  if (after === before) throw new Problem('the token is the same as before')
  return after
}
