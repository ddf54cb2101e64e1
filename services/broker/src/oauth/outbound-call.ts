import type { Client, Dispatcher } from 'undici'
import type { ConnectionLimits, ConnectionState, Destination, KeptConnections } from './kept-connections.js'
import { tlsCause, type TlsCause } from './tls-cause.js'

// Owns one HTTP request: deadlines, caps, and the exact knowledge whether it was sent.
// Does not own where it may go: outbound-fetch.ts checked and pinned that.

export type OutboundRequest = {
  url: string
  method: 'GET' | 'POST' | 'DELETE'
  headers?: Readonly<Record<string, string>>
  body?: string
  /** Cap of the answer's body; `status` reads nothing beyond the head. */
  reads: 'status' | { upToBytes: number }
  /** Asked when the socket is connected (TLS done), right before head and body are written. */
  mayStillSend?: () => boolean
}

export type UnsentCause =
  'address_refused' | 'dns_failed' | 'connect_timeout' | 'connect_failed' | 'too_late' | TlsCause
export type DoubtCause =
  'answer_timeout' | 'connection_lost' | 'headers_too_large' | 'answer_too_large' | 'content_encoding' | 'not_http'

export type OutboundAnswer = {
  status: number
  contentType: string | undefined
  retryAfter: string | undefined
  /** RFC 9449 section 8: what the next proof for this server must carry. */
  dpopNonce?: string | undefined
  body: string
}

export type OutboundResult =
  | ({ kind: 'answer' } & OutboundAnswer)
  /** Not one byte of the request left. */
  | { kind: 'unsent'; why: UnsentCause }
  | { kind: 'in_doubt'; why: DoubtCause }

/** Milliseconds. `headers` is for GET alone; `total` counts from before the name is resolved. */
export type OutboundLimits = ConnectionLimits & { headersMs: number; totalMs: number }

export type OutboundContext = {
  limits: OutboundLimits
  connections: KeptConnections
  /** Monotonic. */
  startedAtMs: number
  /** Aborts everything under way when the process closes. */
  closing: AbortSignal
}

/**
 * Sends the request once, to the pinned addresses. Never throws, never follows, never repeats: a code or a refresh token
 * whose connection was lost may have been spent, and the provider may take a second use for theft (RFC 6749 section 4.1.2).
 */
export async function callOnce(
  to: Destination,
  request: OutboundRequest,
  context: OutboundContext,
): Promise<OutboundResult> {
  const { connections, closing } = context
  if (closing.aborted) return { kind: 'unsent', why: 'connect_failed' }
  const connection = connections.take(to)
  const { result, state } = await new Promise<Ended>((resolve) =>
    dispatch(connection.client, to.url, request, context, resolve),
  )
  connections.giveBack(connection, state)
  return result
}

type Ended = { result: OutboundResult; state: ConnectionState }

function dispatch(
  client: Client,
  url: URL,
  request: OutboundRequest,
  context: OutboundContext,
  resolve: (ended: Ended) => void,
): void {
  const timers: NodeJS.Timeout[] = []
  const end = (ended: Ended): void => {
    timers.forEach(clearTimeout)
    context.closing.removeEventListener('abort', close)
    resolve(ended) // the first one counts
  }
  const call = createCall(request, end)
  const close = (): void => call.fail('connect_failed', 'connection_lost')
  const { limits } = context
  const after = (ms: number, act: () => void): void => void timers.push(setTimeout(act, Math.max(ms, 0)))
  const elapsedMs = performance.now() - context.startedAtMs
  after(limits.connectMs - elapsedMs, () => call.timeOut('unsent'))
  after(limits.totalMs - elapsedMs, call.expire)
  context.closing.addEventListener('abort', close)
  client.dispatch(
    {
      path: `${url.pathname}${url.search}`,
      method: request.method,
      headers: { 'user-agent': 'dromos', 'accept-encoding': 'identity', ...request.headers },
      body: request.body ?? null,
    },
    {
      onRequestStart(controller) {
        // A POST spends something at the provider (a code, a refresh token): whoever gives up before the total deadline loses
        // what a slow provider answers.
        if (call.start(controller) && request.method === 'GET')
          after(limits.headersMs, () => call.timeOut('unanswered'))
      },
      ...call.handler,
    },
  )
}

type Call = {
  handler: Dispatcher.DispatchHandler
  /** False when the request was dropped in the last moment. */
  start(controller: Dispatcher.DispatchController): boolean
  timeOut(whileStill: 'unsent' | 'unanswered'): void
  /** The total deadline: what came until now still counts. */
  expire(): void
  fail(ifUnsent: UnsentCause, ifSent: DoubtCause): void
}

function createCall(request: OutboundRequest, settle: (ended: Ended) => void): Call {
  let isStarted = false
  let isSent = false
  let isOver = false
  let isExpired = false
  let head: Omit<OutboundAnswer, 'body'> | undefined
  let receivedBytes = 0
  const chunks: Buffer[] = []
  const capBytes = request.reads === 'status' ? 0 : request.reads.upToBytes
  const end = (result: OutboundResult, state: ConnectionState = 'spent'): void => {
    isOver = true
    settle({ result, state })
  }
  const answer = (state: ConnectionState): void => {
    const body = new TextDecoder().decode(Buffer.concat(chunks))
    if (head !== undefined) end({ kind: 'answer', ...head, body }, state)
  }
  const fail = (ifUnsent: UnsentCause, ifSent: DoubtCause, state?: ConnectionState): void =>
    isSent ? end({ kind: 'in_doubt', why: ifSent }, state) : end({ kind: 'unsent', why: ifUnsent })

  return {
    fail,
    timeOut(whileStill) {
      const isPast = whileStill === 'unsent' ? isSent : head !== undefined
      if (!isPast) fail('connect_timeout', 'answer_timeout')
    },
    expire() {
      // After a freeze (SIGSTOP, a paused machine) timers run before sockets are read: an answer that has long been here is
      // read in this one turn, and at a strict provider it is the only thing that saves the grant.
      isExpired = true
      setImmediate(() => fail('connect_timeout', 'answer_timeout'))
    },
    start(controller) {
      // The library begins again by itself when it counts the end of a socket as no fault of the request.
      if (isStarted) {
        controller.abort(new Error('sent already'))
        return false
      }
      isStarted = true
      // What was given up as unsent must stay unsent.
      isSent = !isOver && !isExpired && request.mayStillSend?.() !== false
      if (isSent) return true
      end({ kind: 'unsent', why: 'too_late' })
      controller.abort(new Error('too late to send'))
      return false
    },
    handler: {
      onResponseStart(_controller, status, headers) {
        if (status < 200) return // RFC 9110 section 15.2: informational, the real one follows
        head = {
          status,
          contentType: first(headers['content-type']),
          retryAfter: first(headers['retry-after']),
          dpopNonce: first(headers['dpop-nonce']),
        }
        // The body of a redirect is of no use, and it is never followed.
        if (request.reads === 'status' || (status >= 300 && status < 400)) return answer('spent')
        const encoding = first(headers['content-encoding']) ?? 'identity'
        if (encoding.toLowerCase() !== 'identity') return end({ kind: 'in_doubt', why: 'content_encoding' })
        if (Number(first(headers['content-length'])) > capBytes) end({ kind: 'in_doubt', why: 'answer_too_large' })
      },
      onResponseData(_controller, chunk) {
        receivedBytes += chunk.length
        if (receivedBytes > capBytes) end({ kind: 'in_doubt', why: 'answer_too_large' })
        else chunks.push(chunk)
      },
      // An error may be answered before the request was read: its rest would be the next one.
      onResponseEnd: () => answer(head !== undefined && head.status < 300 ? 'clean' : 'spent'),
      onResponseError: (_controller, error) => fail(unsentCause(error), doubtCause(error), 'lost'),
    },
  }
}

const first = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : '')

function unsentCause(error: Error): UnsentCause {
  const code = codeOf(error)
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'connect_timeout'
  return tlsCause(code) ?? 'connect_failed'
}

function doubtCause(error: Error): DoubtCause {
  const code = codeOf(error)
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large'
  return error.name === 'HTTPParserError' ? 'not_http' : 'connection_lost'
}
