import { ServiceError } from '@dromos/contract'
import type { Provider } from '../domain/provider.js'
import type { ProviderStore } from './ports/providers.js'

/** Finds a live provider by id or by name. Throws `provider_not_found`, `provider_ambiguous`. */
export async function resolveProvider(
  providers: Pick<ProviderStore, 'find' | 'findByName'>,
  reference: { id: string } | { name: string },
): Promise<Provider> {
  const id = 'id' in reference ? reference.id : await idOfName(providers, reference.name)
  const found = await providers.find(id)
  if (found === undefined || found.provider.identity.isDeleted)
    throw new ServiceError('provider_not_found', 'no such provider: GET /v1/providers lists those there are', {
      extras: 'name' in reference ? { provider_name: reference.name } : {},
    })
  return found.provider
}

async function idOfName(providers: Pick<ProviderStore, 'findByName'>, name: string): Promise<string> {
  const matches = await providers.findByName(name)
  const [first] = matches
  const extras = { provider_name: name }
  if (first === undefined)
    throw new ServiceError('provider_not_found', 'no provider of that name: GET /v1/providers lists those there are', {
      extras,
    })
  if (matches.length > 1)
    throw new ServiceError('provider_ambiguous', 'several providers match that name: use provider_id', { extras })
  return first.identity.id
}
