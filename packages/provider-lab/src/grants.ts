// Owns what the provider remembers: codes, refresh token families, access tokens. Knows no HTTP and no switch.
// The family is the oracle of a test: which refresh token is current, how often an old one came back.
import type { LabClock } from './clock.js'
import type { RefreshPolicy } from './options.js'
import type { Random } from './random.js'

export type AuthorizationCode = {
  value: string
  clientId: string
  redirectUri: string
  codeChallenge: string | undefined
  scope: string[]
  nonce: string | undefined
  subject: string
  /** RFC 9449 section 10: only this key may redeem it. */
  dpopThumbprint: string | undefined
  expiresAtMs: number
  /** Set once redeemed: a second use ends this family. */
  family: Family | undefined
}

export type Family = {
  id: string
  clientId: string
  subject: string
  scope: string[]
  authTimeSeconds: number
  alive: boolean
  generation: number
  currentRefreshToken: string | undefined
  predecessor: { token: string; rotatedAtMs: number } | undefined
  reuseCount: number
  /** Virtual times of its successful refreshes. */
  refreshedAtMs: number[]
  /** The key a public client's refresh tokens are bound to (RFC 9449 section 5). */
  dpopThumbprint: string | undefined
}

export type AccessToken = {
  value: string
  family: Family
  scope: string[]
  expiresAtMs: number
  killed: boolean
  dpopThumbprint: string | undefined
}

/** What became of a presented refresh token. `retried` is the immediate predecessor inside its grace period. */
export type Presented =
  | { outcome: 'current' | 'retried'; family: Family }
  | { outcome: 'reused' | 'dead'; family: Family }
  | { outcome: 'unknown'; family: undefined }

export type Grants = ReturnType<typeof createGrants>

const codeLifetimeMs = 600_000

export function createGrants(clock: LabClock, random: Random) {
  const codes = new Map<string, AuthorizationCode>()
  const families: Family[] = []
  const refreshTokens = new Map<string, Family>()
  const accessTokens = new Map<string, AccessToken>()

  return {
    addCode: (code: Omit<AuthorizationCode, 'value' | 'expiresAtMs' | 'family'>): AuthorizationCode => {
      const added = {
        ...code,
        value: `code_${random.hex(16)}`,
        expiresAtMs: clock.now() + codeLifetimeMs,
        family: undefined,
      }
      codes.set(added.value, added)
      return added
    },
    findCode: (value: string): AuthorizationCode | undefined => codes.get(value),

    startFamily: (clientId: string, subject: string, scope: string[]): Family => {
      const family: Family = {
        id: `f${families.length + 1}`,
        clientId,
        subject,
        scope,
        authTimeSeconds: Math.floor(clock.now() / 1000),
        alive: true,
        generation: 0,
        currentRefreshToken: undefined,
        predecessor: undefined,
        reuseCount: 0,
        refreshedAtMs: [],
        dpopThumbprint: undefined,
      }
      families.push(family)
      return family
    },

    /** Gives the family its next refresh token; the one before becomes the predecessor. */
    rotate: (family: Family): string => {
      if (family.currentRefreshToken) {
        family.predecessor = { token: family.currentRefreshToken, rotatedAtMs: clock.now() }
      }
      family.generation += 1
      family.currentRefreshToken = `rt_${family.id}_g${family.generation}_${random.hex(16)}`
      refreshTokens.set(family.currentRefreshToken, family)
      return family.currentRefreshToken
    },

    findRefreshToken: (token: string): Family | undefined => refreshTokens.get(token),

    /** Judges a presented refresh token; reuse is counted and, by policy, ends the family (RFC 9700 section 4.14.2). */
    present: (token: string, policy: RefreshPolicy): Presented => {
      const family = refreshTokens.get(token)
      if (!family) return { outcome: 'unknown', family: undefined }
      if (token === family.currentRefreshToken || policy.keepsPredecessors)
        return { outcome: family.alive ? 'current' : 'dead', family }
      const { predecessor } = family
      const inGrace = predecessor?.token === token && clock.now() - predecessor.rotatedAtMs < policy.graceMs
      if (family.alive && inGrace) return { outcome: 'retried', family }
      family.reuseCount += 1
      if (policy.revokesFamilyOnReuse) family.alive = false
      return { outcome: 'reused', family }
    },

    mintAccessToken: (
      family: Family,
      scope: string[],
      lifetimeSeconds: number,
      dpopThumbprint?: string,
    ): AccessToken => {
      const token = {
        value: `at_${family.id}_g${family.generation}_${random.hex(16)}`,
        family,
        scope,
        expiresAtMs: clock.now() + lifetimeSeconds * 1000,
        killed: false,
        dpopThumbprint,
      }
      accessTokens.set(token.value, token)
      return token
    },
    killAccessTokens: (family: Family): void => {
      for (const token of accessTokens.values()) if (token.family === family) token.killed = true
    },
    findAccessToken: (value: string): AccessToken | undefined => accessTokens.get(value),
    findLiveAccessToken: (value: string): AccessToken | undefined => {
      const token = accessTokens.get(value)
      return token && token.family.alive && !token.killed && token.expiresAtMs > clock.now() ? token : undefined
    },

    families: (): readonly Family[] => families,
  }
}

/** RFC 7009 section 2.1: a refresh token of any generation ends its family, an access token only itself. */
export function revokeToken(grants: Grants, token: string): boolean {
  const family = grants.findRefreshToken(token)
  const accessToken = grants.findAccessToken(token)
  if (family) family.alive = false
  if (accessToken) accessToken.killed = true
  return family !== undefined || accessToken !== undefined
}
