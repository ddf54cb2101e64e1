// Owns client ID metadata documents: a client_id that is the https URL of what the client says of itself
// (draft-ietf-oauth-client-id-metadata-document). Whoever asks chooses the URL, so the fetch is guarded like a stranger's.
import { membersOf, parsedJson, readClientMetadata } from './client-metadata.js'
import type { FoundClient, LabClient } from './client.js'
import type { LabClock } from './clock.js'
import { fetchDocument, type DocumentAnswer, type FetchRules } from './fetch-document.js'

export type ClientDocuments = { find(url: string): Promise<FoundClient> }

const methods = ['none', 'private_key_jwt'] as const
const defaultCacheSeconds = 300
const longestCacheSeconds = 86_400
const cachedDocuments = 100

/** Keeps what it read as long as Cache-Control says, by the provider's clock: five minutes by default, a day at most. */
export function createClientDocuments(clock: LabClock, rules: FetchRules): ClientDocuments {
  const cache = new Map<string, { client: LabClient; untilMs: number }>()
  return {
    find: async (id) => {
      const kept = cache.get(id)
      if (kept && kept.untilMs > clock.now()) return { client: kept.client }
      cache.delete(id)
      const problem = urlProblem(id)
      if (problem !== undefined) return { problem }
      const answer = await fetchDocument(id, rules)
      if ('problem' in answer) return answer
      const found = readDocument(id, answer.body)
      if ('client' in found) {
        if (cache.size >= cachedDocuments) cache.delete([...cache.keys()][0] ?? '')
        cache.set(id, { client: found.client, untilMs: clock.now() + cacheSeconds(answer) * 1000 })
      }
      return found
    },
  }
}

/** Section 3 of the draft; dot segments and the like do not survive parsing, so the text must equal what was parsed. */
function urlProblem(id: string): string | undefined {
  const url = new URL(id)
  if (url.protocol !== 'https:') return 'client_id is a URL and not https'
  if (url.hash !== '' || url.username !== '' || url.password !== '') return 'client_id has a fragment or a user name'
  if (url.pathname === '/' || url.href !== id) return 'client_id is no canonical URL with a path'
  return undefined
}

function readDocument(id: string, body: string): FoundClient {
  const document = parsedJson(body)
  const members = membersOf(document)
  if (members?.get('client_id') !== id) return { problem: 'the document of client_id names another client_id' }
  if (typeof members.get('client_name') !== 'string') return { problem: 'the document has no client_name' }
  if (members.has('client_secret')) return { problem: 'the document has a client_secret' }
  const metadata = readClientMetadata(document, { methods, defaultMethod: 'none' })
  if ('error' in metadata) return { problem: `${metadata.error}: ${metadata.description}` }
  return { client: { id, secret: undefined, certificateThumbprint: undefined, ...metadata } }
}

function cacheSeconds({ cacheControl }: DocumentAnswer): number {
  if (/\bno-(store|cache)\b/i.test(cacheControl)) return 0
  const maxAge = /\bmax-age=(\d{1,9})/i.exec(cacheControl)?.[1]
  return Math.min(maxAge === undefined ? defaultCacheSeconds : Number(maxAge), longestCacheSeconds)
}
