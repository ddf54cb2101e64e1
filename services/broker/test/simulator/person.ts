import type { OAuthCredentials } from '../../src/domain/credentials.js'
import type { Cluster } from './cluster.js'
import { serverOf } from './cluster.js'
import { accessTokenSeconds, type ModelGrant } from './provider-model.js'

// Owns what the person does meanwhile: revokes the grant at the provider, or connects again in place.

/** Whether and when, by chance. */
export function planPerson(cluster: Cluster): void {
  const { world } = cluster
  const { random } = world
  if (random.chance(0.1)) world.after(random.between(0, 80_000), () => revoke(cluster))
  if (random.chance(0.1)) world.after(random.between(0, 80_000), () => reconnect(cluster))
}

function revoke({ grant, world }: Cluster): void {
  grant.endedBy ??= 'person'
  world.note?.('the person revokes the grant')
}

/** src/flows/activate-grant.ts: what the consent brought is durable already; it is swapped in when nobody moves the row. */
function reconnect(cluster: Cluster): void {
  const { world, provider, row } = cluster
  const grant = provider.consent()
  const credentials = credentialsOf(grant, world.nowMs + accessTokenSeconds * 1000)
  world.note?.(`the person connects again: ${grant.refreshToken}`)
  const swapIn = (): void => {
    const target = { fence: row.fence, version: row.version }
    world.after(world.random.between(1, 50), () => {
      if (world.nowMs < cluster.database.upAtMs || !activate(cluster, target, grant, credentials)) swapIn()
    })
  }
  swapIn()
}

function activate(
  cluster: Cluster,
  target: { fence: number; version: number },
  grant: ModelGrant,
  credentials: OAuthCredentials,
): boolean {
  const { world, row, journal, protocol } = cluster
  if (!protocol.statements.activate(row, serverOf(cluster), target, credentials)) return false
  world.note?.(`${grant.refreshToken} is swapped in under fence ${row.fence}`)
  cluster.grant = grant
  journal.consentVersion = row.version
  journal.stored.set(row.version, credentials.accessToken)
  journal.judged.push({ atMs: world.nowMs, version: row.version })
  return true
}

export const credentialsOf = ({ accessToken, refreshToken }: ModelGrant, expiresAtMs: number): OAuthCredentials => ({
  type: 'oauth2',
  accessToken,
  tokenType: 'Bearer',
  refreshToken,
  idToken: undefined,
  scope: undefined,
  expiresAtMs,
  extra: {},
})
