import type { RefreshPolicy } from '../../src/domain/provider.js'
import type { AttemptRecord, Journal } from './journal.js'
import type { Random } from './random.js'

// Owns a model of a provider's token endpoint for one account's grants, by the kinds that differ in what a refresh does to the tokens.
// Its journal is the oracle of every run. Does not own the network between us: that is call.ts.

export type ProviderKind = {
  /** What our profile says of it: all that the broker knows. */
  policy: RefreshPolicy
  rotates: 'never' | 'always' | 'sometimes'
  /** What the predecessor brings within its grace: the same successor again, or one more. */
  inGrace: 'same' | 'sibling'
  /** On reuse beyond the grace: the whole grant dies, or the request is merely refused. */
  onReuse: 'revokes' | 'refuses'
}

const policy = (mode: RefreshPolicy['mode'], graceMs = 0, killsAccessToken = false): RefreshPolicy => ({
  mode,
  graceMs,
  killsAccessToken,
  idleLimitSeconds: undefined,
  absoluteLimitSeconds: undefined,
})

export const providerKinds = {
  stable: { policy: policy('stable'), rotates: 'never', inGrace: 'same', onReuse: 'refuses' },
  strict: { policy: policy('rotates'), rotates: 'always', inGrace: 'same', onReuse: 'revokes' },
  single_use: { policy: policy('unknown'), rotates: 'always', inGrace: 'same', onReuse: 'refuses' },
  sometimes: { policy: policy('rotates'), rotates: 'sometimes', inGrace: 'same', onReuse: 'revokes' },
  grace_same: { policy: policy('rotates', 10_000), rotates: 'always', inGrace: 'same', onReuse: 'revokes' },
  grace_sibling: { policy: policy('rotates', 30_000), rotates: 'always', inGrace: 'sibling', onReuse: 'revokes' },
  kills_old: { policy: policy('rotates', 0, true), rotates: 'always', inGrace: 'same', onReuse: 'revokes' },
} as const satisfies Record<string, ProviderKind>

export type KindName = keyof typeof providerKinds

export type Answer =
  | { kind: 'tokens'; accessToken: string; refreshToken: string | undefined; expiresInSeconds: number }
  | { kind: 'error'; error: 'invalid_grant' }

type RefreshTokenState = {
  spentAtMs: number
  spentBy: AttemptRecord | undefined
  successors: string[]
  grant: ModelGrant
}

/** What one consent began. */
export type ModelGrant = {
  readonly accessToken: string
  readonly refreshToken: string
  endedBy: 'person' | 'reuse' | undefined
  /** Refresh tokens that are valid, not merely forgiven. */
  readonly current: Set<string>
}

export type ModelProvider = {
  /** A person consents, once more. */
  consent(): ModelGrant
  /** The attempt whose call brought a refresh token forth. */
  issuedTo(refreshToken: string): AttemptRecord | undefined
  present(refreshToken: string, attempt: AttemptRecord, nowMs: number): Answer
}

export const accessTokenSeconds = 90

export function createProvider(kind: ProviderKind, journal: Journal, random: Random): ModelProvider {
  let generation = 0
  const tokens = new Map<string, RefreshTokenState>()
  const receivers = new Map<string, AttemptRecord>()

  const add = (grant: ModelGrant): string => {
    const refreshToken = `r${generation + 1}`
    tokens.set(refreshToken, { spentAtMs: 0, spentBy: undefined, successors: [], grant })
    grant.current.add(refreshToken)
    return refreshToken
  }

  const issue = (refreshToken: string | undefined): Answer => ({
    kind: 'tokens',
    accessToken: `a${++generation}`,
    refreshToken,
    expiresInSeconds: accessTokenSeconds,
  })

  const rotate = (presented: RefreshTokenState, attempt: AttemptRecord): string => {
    const successor = add(presented.grant)
    receivers.set(successor, attempt)
    presented.successors.push(successor)
    return successor
  }

  const forgive = (presented: RefreshTokenState, attempt: AttemptRecord): Answer => {
    const [successor] = presented.successors
    if (kind.inGrace === 'sibling' || successor === undefined) return issue(rotate(presented, attempt))
    receivers.set(successor, attempt)
    return issue(successor)
  }

  const accept = (
    refreshToken: string,
    presented: RefreshTokenState,
    attempt: AttemptRecord,
    nowMs: number,
  ): Answer => {
    const isRotating = kind.rotates === 'always' || (kind.rotates === 'sometimes' && random.chance(0.5))
    if (!isRotating) return issue(undefined) // RFC 6749 section 6: the one presented stays valid
    presented.grant.current.delete(refreshToken)
    presented.spentAtMs = nowMs
    presented.spentBy = attempt
    return issue(rotate(presented, attempt))
  }

  const verdictOn = (refreshToken: string, { grant, spentAtMs, successors }: RefreshTokenState, nowMs: number) => {
    if (grant.endedBy !== undefined) return 'dead'
    if (grant.current.has(refreshToken)) return 'accepted'
    const isForgiven = nowMs - spentAtMs <= kind.policy.graceMs && successors.every((each) => grant.current.has(each))
    return isForgiven ? 'forgiven' : 'reuse'
  }

  return {
    issuedTo: (refreshToken) => receivers.get(refreshToken),
    consent() {
      const current = new Set<string>()
      const grant: ModelGrant = { accessToken: `a${generation + 1}`, refreshToken: `r${generation + 1}`, endedBy: undefined, current } // prettier-ignore
      add(grant)
      generation++
      return grant
    },
    present(refreshToken, attempt, nowMs) {
      const presented = tokens.get(refreshToken)
      if (presented === undefined) throw new Error(`no provider issued ${refreshToken}`)
      const verdict = verdictOn(refreshToken, presented, nowMs)
      journal.presentations.push({ attempt, refreshToken, spentBy: presented.spentBy, atMs: nowMs, verdict })
      if (verdict === 'accepted') return accept(refreshToken, presented, attempt, nowMs)
      if (verdict === 'forgiven') return forgive(presented, attempt)
      if (verdict === 'reuse' && kind.onReuse === 'revokes') presented.grant.endedBy = 'reuse'
      return { kind: 'error', error: 'invalid_grant' }
    },
  }
}
