import { ServiceError } from '@dromos/contract'
import { refuseMethod } from '@dromos/runtime'
import { Router } from 'express'
import { toPublicJwk } from '../domain/public-key.js'
import type { Ports } from '../flows/ports/ports.js'

/** Open: where a provider finds the key that its client signs assertions with (RFC 7523, `jwks_uri` of RFC 7591). */
export function clientKeysRouter({ providers }: Pick<Ports, 'providers'>): Router {
  const router = Router()
  router
    .route('/auth/jwks/:providerId')
    .get(async (request, response) => {
      const found = await providers.find(request.params.providerId)
      if (found === undefined || found.provider.identity.isDeleted || found.provider.kind !== 'oauth2')
        throw new ServiceError('provider_not_found', 'no such provider')
      const { privateKeyJwk } = found.secrets
      response.set('Cache-Control', 'public, max-age=300')
      response.json({ keys: privateKeyJwk === undefined ? [] : [toPublicJwk(privateKeyJwk)] })
    })
    .all(refuseMethod('GET'))
  return router
}
