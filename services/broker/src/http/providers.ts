import { ServiceError } from '@dromos/contract'
import { readJson, refuseMethod } from '@dromos/runtime'
import { type Request, type Response, Router } from 'express'
import { requireRole } from '../domain/caller.js'
import { isProviderId } from '../domain/ids.js'
import { isJsonObject, openMembers } from '../domain/profile-changes.js'
import {
  createProvider,
  describeProviders,
  findProvider,
  patchProvider,
  removeProvider,
  removeProvidersByName,
  replaceProvider,
} from '../flows/manage-providers.js'
import type { Ports } from '../flows/ports/ports.js'
import type { StoredProvider } from '../flows/ports/providers.js'
import { actorOf, callerAs, callerOf } from './guard.js'
import { readCursor, readLimit, takePage } from './paging.js'

const listPage = { byDefault: 100, max: 200 }
// A map cannot say where it was cut, so nearly every installation fits one page.
const metadataPage = { byDefault: 1000, max: 1000 }

/** Guarded. Managing providers needs the role `admin`; what agents may know of them any role that uses them. */
export function providersRouter(ports: Pick<Ports, 'providers' | 'report'>): Router {
  const router = Router()
  router.use('/providers', (_request, response, next) => {
    response.set('Cache-Control', 'no-store')
    next()
  })

  router
    .route('/providers')
    .get(async (request, response) => {
      callerAs(response, 'admin')
      const providers = await readPage(ports, request, response, listPage)
      response.json(providers.map(({ identity }) => ({ id: identity.id, name: identity.name })))
    })
    .post(readJson, async (request, response) => {
      callerAs(response, 'admin')
      const profile: unknown = isJsonObject(request.body) ? request.body.profile : undefined
      if (profile === undefined || profile === null)
        throw new ServiceError('missing_profile', 'send {"profile": {...}} with the provider to create')
      const { id } = await createProvider(ports, actorOf(response), profile)
      response.status(201).location(`${request.baseUrl}/providers/${id}`).json({ id, message: 'Provider created' })
    })
    .all(refuseMethod('GET, POST'))

  router
    .route('/providers/metadata')
    .get(async (request, response) => {
      const caller = callerOf(response)
      if (!caller.roles.includes('admin')) requireRole(caller, 'agent')
      response.json(describeProviders(await readPage(ports, request, response, metadataPage)))
    })
    .all(refuseMethod('GET'))

  router
    .route('/providers/by-name/:name')
    .get(async (request, response) => {
      callerAs(response, 'admin')
      const [found, ...others] = await ports.providers.findByName(request.params.name)
      if (found === undefined) throw new ServiceError('provider_not_found', 'no such provider')
      if (others.length > 0) throw new ServiceError('provider_ambiguous', 'several providers match: use the id')
      response.json({ id: found.identity.id })
    })
    .delete(async (request, response) => {
      callerAs(response, 'admin')
      const count = await removeProvidersByName(ports, actorOf(response), request.params.name)
      response.json({ message: `Deleted ${count} provider(s)` })
    })
    .all(refuseMethod('GET, DELETE'))

  router
    .route('/providers/:providerId')
    .get(async (request, response) => {
      callerAs(response, 'admin')
      const provider = await findProvider(ports, idOf(request))
      response.set('ETag', etag(provider.identity.version)).json(toView(provider))
    })
    .put(readJson, async (request, response) => {
      callerAs(response, 'admin')
      sendChanged(response, await replaceProvider(ports, actorOf(response), changeOf(request), request.body))
    })
    .patch(readJson, async (request, response) => {
      callerAs(response, 'admin')
      sendChanged(response, await patchProvider(ports, actorOf(response), changeOf(request), request.body))
    })
    .delete(async (request, response) => {
      callerAs(response, 'admin')
      await removeProvider(ports, actorOf(response), changeOf(request))
      response.json({ message: 'Provider deleted' })
    })
    .all(refuseMethod('GET, PUT, PATCH, DELETE'))

  return router
}

async function readPage(
  ports: Pick<Ports, 'providers'>,
  request: Request,
  response: Response,
  range: { byDefault: number; max: number },
): Promise<readonly StoredProvider[]> {
  const limit = readLimit(request.query, range)
  const providers = await ports.providers.list({ limit: limit + 1, after: readCursor(request.query, isProviderId) })
  const items = providers.map((provider) => ({ id: provider.identity.id, provider }))
  return takePage(request, response, items, limit).map((item) => item.provider)
}

function idOf(request: Request): string {
  const { providerId } = request.params
  if (typeof providerId === 'string' && isProviderId(providerId)) return providerId
  throw new ServiceError('invalid_provider_id', 'not a provider id (a UUID)')
}

const changeOf = (request: Request) => ({ id: idOf(request), versions: readVersions(request.get('if-match')) })

const etag = (version: number): string => `"${version}"`

/** RFC 9110 section 13.1.1: strong comparison, so a weak tag matches nothing. */
function readVersions(header: string | undefined): readonly number[] | undefined {
  if (header === undefined || header.trim() === '*') return undefined
  const tags = header.split(',').map((tag) => tag.trim())
  if (!tags.every((tag) => /^(W\/)?"[\x21\x23-\x7e]*"$/.test(tag)))
    throw new ServiceError('invalid_request', 'If-Match: give the ETag of the provider as it was sent, or *')
  return tags.filter((tag) => /^"\d+"$/.test(tag)).map((tag) => Number(tag.slice(1, -1)))
}

const sendChanged = (response: Response, { version }: { version: number }): void =>
  void response.set('ETag', etag(version)).json({ message: 'Provider updated', version })

/** Everything but the secrets, which are write-only (ASVS 14.2.6). */
const toView = (provider: StoredProvider & { hasSecret: boolean }) => ({
  ...openMembers(provider.profile),
  id: provider.identity.id,
  client_secret_set: provider.hasSecret,
  version: provider.identity.version,
  created_at: provider.createdAt.toISOString(),
  updated_at: provider.updatedAt.toISOString(),
})
