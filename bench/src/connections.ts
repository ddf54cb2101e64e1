import { randomBytes } from 'node:crypto'
import { call, textOf } from '@dromos/local'
import { apiKey as operatorKey, newConnectionIds, seedConnections } from '@dromos/prove'
import type { Pair } from './pair.js'

// Owns the connections that are read: live for a month, each with tokens as long as those of a large provider.

const provider = {
  name: 'bench',
  auth_type: 'oauth2',
  client_id: 'bench',
  client_secret: 'bench',
  auth_url: 'https://provider.example/authorize',
  token_url: 'https://provider.example/token',
  // A month ahead nothing is due, so no scheduler calls an address that does not exist.
  refresh_schedule: 'on_demand',
}

/** A provider that nobody calls. Answers its id. */
export async function addProvider({ brokerUrl }: Pair): Promise<string> {
  const answer = await call('POST', `${brokerUrl}/providers`, operatorKey, { profile: provider })
  return textOf(answer, 'id', 'registering the provider')
}

export const accessTokenBytes = 1_000

const monthMs = 30 * 86_400_000

/** Answers their ids. `tokenBytes`: the length of each access token. */
export async function addConnections(
  { database, vault }: Pair,
  providerId: string,
  count: number,
  tokenBytes = accessTokenBytes,
): Promise<string[]> {
  const ids = newConnectionIds(count)
  const tokenOf = (bytes: number): string => randomBytes(bytes).toString('base64url').slice(0, bytes)
  const grants = ids.map((subject) => ({
    subject,
    accessToken: tokenOf(tokenBytes),
    refreshToken: `r_${tokenOf(100)}`,
  }))
  const { client_id: clientId, token_url: tokenEndpoint } = provider
  await seedConnections({ database, vault, providerId, clientId, tokenEndpoint, expiresInMs: () => monthMs }, grants)
  await database.rows('vacuum analyze connections')
  return ids
}
