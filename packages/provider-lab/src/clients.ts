// Owns which clients a provider knows: the configured one, those that registered themselves, those that are a document.
// Does not own how a client proves that it is the one (client-auth.ts).
import type { FoundClient, LabClient } from './client.js'
import type { ClientDocuments } from './client-documents.js'
import type { Settings } from './options.js'
import type { SwitchBoard } from './switches/board.js'
import { thumbprintOfPem } from './tls/client-certificate.js'

/** A client of RFC 7591, and what it manages itself with (RFC 7592). */
export type RegisteredClient = LabClient & {
  registrationAccessToken: string
  issuedAtSeconds: number
  /** As it was registered. */
  metadata: Record<string, unknown>
}

export type Clients = {
  /** By client_id; a URL is fetched (client ID metadata document). */
  find(id: string): Promise<FoundClient>
  registered: Map<string, RegisteredClient>
}

type ClientParts = { settings: Settings; switches: SwitchBoard; documents: ClientDocuments }

export function createClients({ settings, switches, documents }: ClientParts): Clients {
  const configured = configuredClient(settings)
  const registered = new Map<string, RegisteredClient>()
  return {
    registered,
    find: async (id) => {
      const known = id === configured.id ? configured : registered.get(id)
      if (known) return { client: known }
      const isDocument = URL.canParse(id) && switches.run('cimd.policy', settings.cimd) === 'supported'
      return isDocument ? documents.find(id) : { problem: 'unknown client_id' }
    },
  }
}

function configuredClient(settings: Settings): LabClient {
  const { clientId, clientSecret, clientAuth, clientJwk, redirectUris, clientCertificate } = settings
  return {
    id: clientId,
    secret: clientSecret,
    auth: clientAuth,
    jwk: clientJwk,
    redirectUris,
    certificateThumbprint: clientCertificate === undefined ? undefined : thumbprintOfPem(clientCertificate),
  }
}
