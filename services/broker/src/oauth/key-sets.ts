import { outboundLimits } from '@dromos/contract'
import { createDocumentCache } from './document-cache.js'
import { fetchDocument, isUnavailable, unavailable } from './fetch-document.js'
import type { Outbound } from './outbound-fetch.js'
import { fits, keySetSchema, usableKeys, type SigningKey } from './signing-key.js'
import { createTokenBucket, type TokenBucket } from '../domain/token-bucket.js'

// Owns the providers' published keys: cached per URL, fetched anew for an unknown key id within a budget.
// Does not own signatures.

export type WantedKey = { alg: string; kid: string | undefined }

export type KeySets = {
  /**
   * Keys that may have made a signature, at most five; of several keys without an id only the caller's trial tells. An
   * unknown key id fetches the set anew (OIDC Core 10.1.1). Throws `provider_unavailable`.
   */
  find(jwksUrl: string, wanted: WantedKey): Promise<readonly SigningKey[]>
  /** The same from a newer copy, for a signature none of the found keys made; none while the budget is spent. */
  findNewer(jwksUrl: string, wanted: WantedKey): Promise<readonly SigningKey[]>
}

const maxCandidates = 5
const maxKeySets = 500

export function createKeySets(outbound: Outbound, { now }: { now(): Date }): KeySets {
  const cache = createDocumentCache<readonly SigningKey[]>({
    now,
    freshMs: 600_000,
    staleMs: 86_400_000,
    failureMs: 10_000,
    maxEntries: maxKeySets,
    isOutage: isUnavailable,
  })
  const buckets = new Map<string, TokenBucket>()

  // Stock libraries wait 30 to 60 s between fetches, which fails a login right after two rotations; a bucket lets that
  // through and still bounds a flood of made-up key ids (A54).
  function bucketOf(jwksUrl: string): TokenBucket {
    const bucket =
      buckets.get(jwksUrl) ?? createTokenBucket({ burst: outboundLimits.keySetFetches, refillMs: 30_000, now })
    buckets.delete(jwksUrl)
    buckets.set(jwksUrl, bucket)
    const oldest = buckets.keys().next()
    if (buckets.size > maxKeySets && !oldest.done) buckets.delete(oldest.value)
    return bucket
  }

  async function load(jwksUrl: string): Promise<readonly SigningKey[]> {
    const found = await fetchDocument(outbound, jwksUrl, keySetSchema)
    if (found.kind === 'document') return usableKeys(found.document.keys)
    throw unavailable('keys', found.kind === 'unreachable' ? found.why : 'no key set at the address')
  }

  async function findNewer(jwksUrl: string, wanted: WantedKey): Promise<readonly SigningKey[]> {
    const keys = await cache.reload(
      jwksUrl,
      () => load(jwksUrl),
      () => bucketOf(jwksUrl).take(),
    )
    return choose(keys ?? [], wanted)
  }

  return {
    findNewer,
    async find(jwksUrl, wanted) {
      const keys = await cache.get(jwksUrl, () => {
        bucketOf(jwksUrl).take() // a first fetch counts, but is never refused
        return load(jwksUrl)
      })
      const candidates = choose(keys, wanted)
      return candidates.length > 0 ? candidates : findNewer(jwksUrl, wanted)
    },
  }
}

const choose = (keys: readonly SigningKey[], { alg, kid }: WantedKey): readonly SigningKey[] =>
  keys.filter((key) => fits(key, alg) && (kid === undefined || key.kid === kid)).slice(0, maxCandidates)
