import { noStore, type Answer } from './answer.js'
import { visitAuthorization } from './browser.js'
import type { LabClock } from './clock.js'
import type { Hold, HoldPoint } from './holds.js'
import type { JournalEntry } from './journal.js'
import { revokeToken } from './grants.js'
import { mintTokens } from './mint.js'
import type { ClientAuthMethod } from './options.js'
import type { LabEndpoint } from './request.js'
import type { Endpoints, ProviderState } from './state.js'
import type { LabSwitchMode } from './switches/board.js'
import type { LabSwitch } from './switches/catalogue.js'

export type LabReply = { status?: number; headers?: Record<string, string>; body: string | Record<string, unknown> }

/** What the provider knows to be true, to compare a client's view with. */
export type Oracle = {
  families: Array<{
    subject: string
    alive: boolean
    generation: number
    currentRefreshToken: string | undefined
    reuseCount: number
  }>
  /** Reuses and successful refreshes over all families. */
  reuseCount: number
  refreshes: number
}

export type IssuedGrant = { accessToken: string; refreshToken: string; idToken?: string }

export type LabProvider = Endpoints & {
  id: string
  clientId: string
  clientSecret: string
  /** How the configured client authenticates. */
  clientAuth: ClientAuthMethod
  /** Turns a misbehaviour on; on again replaces the mode and restarts its count. Throws on an unknown name. */
  turnOn(name: LabSwitch, how?: LabSwitchMode): void
  turnOff(name: LabSwitch): void
  /** What is on, in the order it was turned on. */
  switches(): Array<{ name: LabSwitch; how: LabSwitchMode }>
  /**
   * The next token request gets exactly this answer (default status 200; an object body is sent as JSON). A queue.
   * The provider does not process that request: it checks, redeems and rotates nothing.
   */
  replies(answer: LabReply): void
  /** Requests so far, oldest first. */
  journal(endpoint?: LabEndpoint): JournalEntry[]
  oracle(): Oracle
  /**
   * Acts as the person's browser: opens the URL without following redirects and approves, as `subject`, ticking only
   * `scope` when given. Returns the callback URL. Throws when the provider shows an error page instead.
   */
  approve(authUrl: string, as?: { subject?: string; scope?: string }): Promise<string>
  /** As approve, but the person refuses: the callback carries `error`, by default access_denied. */
  deny(authUrl: string, error?: string): Promise<string>
  /** Stops the next token request that comes to this point until released. */
  hold(point: HoldPoint): Hold
  rotateKeys(): void
  /** The person removes the client's access: all their families end. */
  revokeSubject(subject: string): void
  /** Ends what a token stands for, as its owner's RFC 7009 request would. False when the provider never issued it. */
  revoke(token: string): boolean
  /** Mints a live grant without a browser. Default scope `openid offline_access`, or `api` when OIDC is off. */
  issue(options?: { subject?: string; scope?: string; nonce?: string }): IssuedGrant
  clock: LabClock
}

export function createProviderSurface(state: ProviderState): LabProvider {
  const { settings, endpoints, switches, grants } = state
  return {
    ...endpoints,
    id: state.id,
    clientId: settings.clientId,
    clientSecret: settings.clientSecret,
    clientAuth: settings.clientAuth,
    turnOn: switches.turnOn,
    turnOff: switches.turnOff,
    switches: switches.list,
    replies: (reply) => void state.cannedReplies.push(cannedAnswer(reply)),
    journal: state.journal.list,
    oracle: () => consult(state),
    approve: (authUrl, as = {}) => visitAuthorization(authUrl, { person: as, ca: state.caCertificate }),
    deny: (authUrl, error = 'access_denied') =>
      visitAuthorization(authUrl, { person: { denies: error }, ca: state.caCertificate }),
    hold: state.holds.hold,
    rotateKeys: state.keys.rotate,
    revokeSubject: (subject) => {
      for (const family of grants.families()) if (family.subject === subject) family.alive = false
    },
    revoke: (token) => revokeToken(grants, token),
    issue: (options = {}) => issue(state, options),
    clock: state.clock,
  }
}

function cannedAnswer({ status = 200, headers = {}, body }: LabReply): Answer {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return {
    status,
    headers: { 'content-type': 'application/json', ...noStore, ...headers },
    body: text,
    delivery: { kind: 'whole' },
  }
}

function consult({ grants }: ProviderState): Oracle {
  const all = grants.families()
  return {
    families: all.map(({ subject, alive, generation, currentRefreshToken, reuseCount }) => ({
      subject,
      alive,
      generation,
      currentRefreshToken,
      reuseCount,
    })),
    reuseCount: all.reduce((sum, family) => sum + family.reuseCount, 0),
    refreshes: all.reduce((sum, family) => sum + family.refreshedAtMs.length, 0),
  }
}

function issue(
  state: ProviderState,
  { subject, scope, nonce }: { subject?: string; scope?: string; nonce?: string },
): IssuedGrant {
  const granted = (scope ?? (state.settings.oidc ? 'openid offline_access' : 'api')).split(' ')
  const family = state.grants.startFamily(state.settings.clientId, subject ?? state.settings.subject, granted)
  const body = mintTokens(state, { grant: 'authorization_code', family, scope: granted, nonce, form: {} }, 'new')
  const idToken = body['id_token']
  return {
    accessToken: String(body['access_token']),
    refreshToken: String(body['refresh_token']),
    ...(typeof idToken === 'string' && { idToken }),
  }
}
