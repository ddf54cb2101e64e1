import type { Endpoints } from '../domain/provider.js'

/**
 * The origins a grant was made at. A refresh token is only ever presented there: whoever edits a provider cannot have the
 * tokens of existing connections sent to a host that the people who consented never dealt with.
 */
export const originsOf = (endpoints: Pick<Endpoints, 'token' | 'refresh'>): string =>
  [...new Set([new URL(endpoints.token).origin, new URL(endpoints.refresh).origin])].join(' ')
