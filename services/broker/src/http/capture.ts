import { readJson, refuseMethod } from '@dromos/runtime'
import { Router } from 'express'
import { isRecord } from '../domain/credential-fields.js'
import { captureCredentials, type CapturePorts, createAttemptLimit } from '../flows/capture-credentials.js'
import { openCapture } from '../flows/describe-capture.js'
import type { Ports } from '../flows/ports/ports.js'
import type { ConsentSettings } from '../flows/open-consent.js'
import { connectPageRouter } from './connect-page.js'
import { actorOf } from './guard.js'

// Owns the routes that take static credentials: from an application's own form (state) and from ours (connect-page.ts).
// Does not own what is accepted or stored (flows/capture-credentials.ts).

export type CaptureDependencies = {
  ports: Omit<CapturePorts, 'attempts'> & Pick<Ports, 'now' | 'providers' | 'metadata' | 'authorization'>
  settings: ConsentSettings
}

/** Open routes: the state or the link is good for one pending connection and nothing else. Needs `assignActor` before. */
export function captureRouter({ ports: given, settings }: CaptureDependencies): Router {
  const ports = { ...given, attempts: createAttemptLimit() }
  const router = Router()

  router
    .route('/auth/capture-schema')
    .get(async (request, response) => {
      const { provider } = await openCapture(ports, settings, request.query.state, actorOf(response))
      response.set('Cache-Control', 'no-store')
      response.json({ provider_name: provider.identity.name, schema: provider.credentialSchema })
    })
    .all(refuseMethod('GET'))

  router
    .route('/auth/capture-credential')
    .post(readJson, async (request, response) => {
      const body: unknown = request.body
      const { state, credentials } = isRecord(body) ? body : {}
      const actor = actorOf(response)
      const capture = await openCapture(ports, settings, state, actor)
      const location = await captureCredentials(ports, settings, capture, credentials, actor)
      // Not response.redirect(): it would repeat the URL in a body.
      response.set({ 'Cache-Control': 'no-store', Location: location }).status(302).end()
    })
    .all(refuseMethod('POST'))

  router.use(connectPageRouter({ ports, settings }))
  return router
}
