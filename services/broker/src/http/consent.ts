import { ServiceError } from '@dromos/contract'
import { readJson, refuseMethod } from '@dromos/runtime'
import { type Request, type Response, Router } from 'express'
import * as z from 'zod'
import { parseAuthorizationResponse } from '../domain/authorization-response.js'
import { isProviderId } from '../domain/ids.js'
import { continueInBrowser, openLink } from '../flows/continue-in-browser.js'
import { finishConnection } from '../flows/finish-connection.js'
import type { Ports } from '../flows/ports/ports.js'
import type { ConsentSettings } from '../flows/open-consent.js'
import type { Revoker } from '../flows/revocation-worker.js'
import { type ConsentWish, startConnection } from '../flows/start-connection.js'
import { bindBrowser, isBoundBrowser } from './browser-binding.js'
import { actorOf, callerAs } from './guard.js'
import { answerOnce } from './idempotent.js'
import { completionChallenge, parseInput } from './input.js'

type ConsentPorts = Pick<
  Ports,
  | 'now'
  | 'providers'
  | 'connections'
  | 'authorizationRequests'
  | 'completions'
  | 'metadata'
  | 'authorization'
  | 'tokenEndpoint'
  | 'idTokens'
  | 'userinfo'
  | 'vault'
  | 'idempotency'
  | 'report'
  | 'announce'
> & { revoker: Revoker }

const scope = z.string().min(1).max(256)
const consentBody = z.object({
  workspace_id: z.string().min(1).max(255),
  provider_id: z.string().optional(),
  provider_name: z.string().min(1).max(100).optional(),
  return_url: z.string().min(1),
  scopes: z.array(scope).max(200).nullish(),
  variables: z.record(z.string().max(64), z.string().max(253)).optional(),
  completion_challenge: completionChallenge,
})

/** For callers with a key: starting a consent. */
export function consentSpecRouter(ports: ConsentPorts, settings: ConsentSettings): Router {
  const router = Router()
  router
    .route('/auth/consent-spec')
    .post(readJson, async (request, response) => {
      const caller = callerAs(response, 'agent')
      const wish = parseWish(request.body)
      await answerOnce(ports, request, response, caller, wish, () =>
        startConnection(ports, settings, caller, actorOf(response), wish),
      )
    })
    .all(refuseMethod('POST'))
  return router
}

function parseWish(body: unknown): ConsentWish {
  const input = parseInput(consentBody, body)
  if (input.provider_id === undefined && input.provider_name === undefined)
    throw new ServiceError('missing_fields', 'missing: provider_id or provider_name')
  if (input.provider_id !== undefined && !isProviderId(input.provider_id))
    throw new ServiceError('invalid_provider_id', 'provider_id is not a provider id (a UUID)')
  return {
    workspaceId: input.workspace_id,
    provider: input.provider_id === undefined ? { name: input.provider_name ?? '' } : { id: input.provider_id },
    scopes: input.scopes ?? undefined,
    returnUrl: input.return_url,
    variables: input.variables ?? {},
    completionChallenge: input.completion_challenge,
  }
}

/** For browsers: the hop to the provider and the way back. No key; the link, the state and the cookie decide. */
export function browserConsentRouter(ports: ConsentPorts, settings: ConsentSettings): Router {
  const router = Router()
  const isSecure = settings.baseUrl.startsWith('https:')
  const headers = {
    'Cache-Control': 'no-store',
    'X-Frame-Options': 'DENY',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  }

  router
    .route('/auth/start/:link')
    .get(async (request, response) => {
      const opened = await openLink(ports, request.params.link)
      const next = await continueInBrowser(ports, settings, opened, actorOf(response))
      if (opened.binding === 'browser') await bindBrowser(request, response, opened, ports, { secure: isSecure })
      response.set(headers).redirect(303, next)
    })
    .all(refuseMethod('GET'))

  const finish = async (request: Request, response: Response, redirectUri: string): Promise<void> => {
    const callback = {
      response: parseAuthorizationResponse(request.query),
      redirectUri,
      isSameBrowser: (wanted: Parameters<typeof isBoundBrowser>[1]) => isBoundBrowser(request, wanted),
      actor: actorOf(response),
    }
    response.set(headers).redirect(302, await finishConnection(ports, settings, callback))
  }

  router
    .route('/auth/callback')
    .get((request, response) => finish(request, response, settings.redirectUri))
    .all(refuseMethod('GET'))

  router
    .route('/auth/callback/:provider')
    .get((request, response) => finish(request, response, `${settings.redirectUri}/${request.params.provider}`))
    .all(refuseMethod('GET'))

  return router
}
