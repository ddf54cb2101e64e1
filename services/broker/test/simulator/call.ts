import { isHeaderSafe } from '../../src/domain/credentials.js'
import type { TokenAnswer } from '../../src/domain/token-answer.js'
import { classifyRefusal, type TokenCall, type TokenRefusal } from '../../src/domain/token-refusal.js'
import { type RefreshEvent, refreshTimes } from '../../src/domain/refresh-protocol.js'
import { hide, pass, type Replica, strike } from './cluster.js'
import { type Fault, places } from './faults.js'
import type { AttemptRecord } from './journal.js'
import type { Answer } from './provider-model.js'
import { type Attempt, viewed } from './attempt.js'
import { merged } from './storing.js'
import type { Routine } from './world.js'

// Owns one call of the token endpoint: src/flows/refresh-call.ts over src/oauth/outbound-call.ts, with its deadlines.
// The check before sending and the sending are one moment here, as they are one turn of the event loop there.

/** The limits of src/oauth/outbound-fetch.ts for a token call, milliseconds. */
const limits = { connectMs: 3_000, totalMs: 10_000 } as const

/**
 * The one thing we assume of a provider and the network: what was sent has been processed before the pause after its call's
 * deadline is over, before its lease has ended and, when its connection broke, within the same pause; or it never will be.
 */
const lastArrivalMs = (attempt: Attempt, startedAtMs: number): number =>
  Math.min(startedAtMs + limits.totalMs + pauseMs, attempt.askedAtMs + refreshTimes.leaseMs - 100)

const pauseMs = refreshTimes.settleMs - 100

/** Presents the held refresh token once. */
export function* callProvider(attempt: Attempt, record: AttemptRecord): Routine<RefreshEvent> {
  const { replica } = attempt
  const { world, protocol } = replica.cluster
  const startedAtMs = world.nowMs
  const fault = yield* pass(replica, places.callBefore)
  if (fault === 'held_back') return { type: 'not_sent', retryAfterMs: 2_000 } // our own breaker is open
  if (fault === 'unsent') return { type: 'not_sent' }
  yield* world.sleep(world.random.chance(0.03) ? world.random.between(500, 2_900) : 10)
  yield* pass(replica, places.callConnected)
  if (world.nowMs - startedAtMs >= limits.connectMs) return { type: 'not_sent' } // on a thaw the timer comes first
  if (!protocol.maySend(world.nowMs - attempt.askedAtMs)) return { type: 'not_sent' }
  const call = yield* exchange(attempt, record, startedAtMs)
  return eventOf(attempt, call)
}

/** Sends, and waits for whichever comes first: an answer, a broken connection, or the deadline. */
function* exchange(attempt: Attempt, record: AttemptRecord, startedAtMs: number): Routine<TokenCall<TokenAnswer>> {
  const { replica } = attempt
  const { world } = replica.cluster
  const presented = viewed(attempt).credentials.refreshToken ?? ''
  const dueMs = startedAtMs + limits.totalMs - world.nowMs
  record.state = 'outstanding'
  record.answerDueMs = world.nowMs + dueMs
  const result: { of: TokenCall<TokenAnswer> | undefined } = { of: undefined }
  const wake = world.waker()
  const arrive = (call: TokenCall<TokenAnswer>, afterMs: number): void =>
    world.after(afterMs, () => {
      result.of ??= call
      wake('input')
    })
  world.note?.(`${replica.process.name} sends ${presented} under fence ${record.fence}`)
  const { life } = replica.process
  const fault = strike(replica, places.callSent, life)
  const process = (): void => processRequest(replica, record, presented, life, fault, arrive)
  const lastMs = lastArrivalMs(attempt, startedAtMs) - world.nowMs
  const breaksAfterMs = world.random.between(50, Math.min(4_000, lastMs))
  if (fault === 'request_lost' || fault === 'connection_reset') arrive(reset, breaksAfterMs)
  if (fault === 'connection_reset') hide(replica, fault)
  if (fault !== 'request_lost') world.after(arrivalMs(replica, fault, breaksAfterMs, lastMs), process)
  let isOver = false
  world.after(dueMs, () => {
    if (isOver) return
    // The answer may lie in the socket; after a thaw the deadline still comes first (src/oauth/outbound-call.ts).
    result.of = { kind: 'in_doubt', why: 'answer_timeout' }
    wake('timer')
  })
  yield
  isOver = true
  const call: TokenCall<TokenAnswer> = result.of ?? { kind: 'in_doubt', why: 'answer_timeout' }
  if (call.kind === 'in_doubt' && call.why === 'answer_timeout') hide(replica, fault ?? 'answer_slow')
  record.answerDueMs = Infinity
  return call
}

const reset: TokenCall<TokenAnswer> = { kind: 'in_doubt', why: 'connection_lost' }

function arrivalMs(replica: Replica, fault: Fault | undefined, breaksAfterMs: number, lastMs: number): number {
  const { random } = replica.cluster.world
  if (fault === 'processed_late') return random.between(1_000, lastMs)
  if (fault === 'connection_reset') return Math.min(breaksAfterMs + random.between(0, pauseMs), lastMs)
  return Math.min(transitMs(replica), lastMs)
}

/** One way. Providers that take seconds are nothing unusual. */
function transitMs({ cluster: { world } }: Replica): number {
  const { random } = world
  if (random.chance(0.02)) return random.between(2_000, 4_500)
  return random.chance(0.05) ? random.between(300, 2_000) : random.between(5, 60)
}

function processRequest(
  replica: Replica,
  record: AttemptRecord,
  refreshToken: string,
  life: number,
  sentFault: Fault | undefined,
  arrive: (call: TokenCall<TokenAnswer>, afterMs: number) => void,
): void {
  const { world, provider } = replica.cluster
  const backMs = transitMs(replica)
  const refused = unprocessed(sentFault)
  if (refused !== undefined) return arrive({ kind: 'refusal', refusal: refused }, backMs)
  const answer = provider.present(refreshToken, record, world.nowMs)
  world.note?.(`provider takes ${refreshToken} of ${replica.process.name}: ${describe(answer)}`)
  const fault = strike(replica, places.callProcessed, life)
  const isAboutTokens = answer.kind === 'tokens'
  switch (fault) {
    case 'answer_lost':
      hide(replica, fault)
      return arrive(reset, backMs)
    case 'answer_slow': // comes when nobody waits for it any more
      hide(replica, fault)
      return
    case 'server_error':
      hide(replica, fault)
      return arrive({ kind: 'refusal', refusal: { httpStatus: 502, error: undefined, retryAfterSeconds: undefined } }, backMs) // prettier-ignore
    case 'token_unusable':
      return arrive(callOf(isAboutTokens ? { ...answer, accessToken: `${answer.accessToken}\n` } : answer), backMs)
    case 'no_access_token':
      return arrive(callOf(answer, 'without_access_token'), backMs)
    default:
      return arrive(callOf(answer), backMs)
  }
}

function unprocessed(fault: Fault | undefined): TokenRefusal | undefined {
  if (fault === 'throttled') return { httpStatus: 429, error: undefined, retryAfterSeconds: 3 }
  if (fault === 'client_refused') return { httpStatus: 401, error: 'invalid_client', retryAfterSeconds: undefined }
  if (fault === 'unwell') return { httpStatus: 503, error: undefined, retryAfterSeconds: undefined }
  return undefined
}

const describe = (answer: Answer): string =>
  answer.kind === 'error' ? answer.error : `${answer.accessToken} and ${answer.refreshToken ?? 'no refresh token'}`

function callOf(answer: Answer, shape?: 'without_access_token'): TokenCall<TokenAnswer> {
  if (answer.kind === 'error')
    return { kind: 'refusal', refusal: { httpStatus: 400, error: answer.error, retryAfterSeconds: undefined } }
  const { accessToken, refreshToken, expiresInSeconds } = answer
  // Without any token at all it would be unreadable, and in doubt.
  const isBare = shape === 'without_access_token' && refreshToken !== undefined
  const tokens: TokenAnswer = {
    accessToken: isBare ? undefined : accessToken,
    refreshToken,
    idToken: undefined,
    tokenType: 'Bearer',
    scope: undefined,
    expiresInSeconds,
    extra: {},
  }
  return { kind: 'answer', answer: tokens }
}

function eventOf(attempt: Attempt, call: TokenCall<TokenAnswer>): RefreshEvent {
  const { replica } = attempt
  const { world } = replica.cluster
  switch (call.kind) {
    case 'answer':
      attempt.grant = { answer: call.answer, receivedAtMs: world.nowMs + replica.skewMs }
      return {
        type: 'answered',
        isSound: !replica.cluster.verifiesIdentity && isHeaderSafe(merged(attempt).accessToken),
      }
    case 'unsent':
      return { type: 'not_sent' }
    case 'in_doubt':
      return { type: 'doubtful' }
    case 'refusal': {
      const { retryAfterSeconds } = call.refusal
      const retryAfterMs = retryAfterSeconds === undefined ? undefined : retryAfterSeconds * 1000
      if (attempt.record !== undefined) attempt.record.declinedAtMs = world.nowMs
      return { type: 'declined', refusal: classifyRefusal(call.refusal, []), retryAfterMs }
    }
  }
}
