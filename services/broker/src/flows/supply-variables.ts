import { ServiceError } from '@dromos/contract'
import type { AuthorizationRequest } from '../domain/authorization-request.js'
import { RefusedFields } from '../domain/credential-schema.js'
import type { OAuthProvider } from '../domain/provider.js'
import { matchesVariable } from '../domain/url-variables.js'
import type { Ports } from './ports/ports.js'
import { prepareAuthorization } from './prepare-authorization.js'
import type { ConsentSettings } from './open-consent.js'

/**
 * Completes an authorization request with the URL placeholders that a person typed in; from then on it is an ordinary
 * consent. Throws `invalid_credentials` (`RefusedFields`) naming the fields, what `prepareAuthorization` throws, and
 * `consent_already_used` when the request was completed in the meantime.
 */
export async function supplyVariables(
  ports: Pick<Ports, 'metadata' | 'authorizationRequests'>,
  settings: Pick<ConsentSettings, 'redirectUri'>,
  request: AuthorizationRequest,
  provider: OAuthProvider,
  submitted: Readonly<Record<string, unknown>>,
): Promise<void> {
  const variables = checked(provider, submitted)
  const { redirectUri } = settings
  const prepared = await prepareAuthorization(ports, provider, { variables, scopes: request.scopes, redirectUri })
  if (!(await ports.authorizationRequests.complete(request, { variables, ...prepared })))
    throw new ServiceError('consent_already_used', 'this link was completed or ran out a moment ago')
}

function checked(
  provider: OAuthProvider,
  submitted: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string>> {
  const given = provider.urlVariables.map((variable) => {
    const value = submitted[variable.name]
    return { variable, value: typeof value === 'string' ? value.trim() : '' }
  })
  const problems = given
    .filter(({ variable, value }) => !matchesVariable(variable, value))
    .map(({ variable, value }) => ({
      field: variable.name,
      message: value === '' ? 'is required' : 'does not have the expected form',
    }))
  if (problems.length > 0) throw new RefusedFields(problems)
  return Object.fromEntries(given.map(({ variable, value }) => [variable.name, value]))
}
