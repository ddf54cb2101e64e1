import { connect, type Socket } from 'node:net'
import { createAnswerReader } from './http-answer.js'
import type { Stopwatch } from './stopwatch.js'

// Owns HTTP/1.1 requests over plain sockets, one in flight per connection. Bytes are made once and answers are read only as
// far as needed: on two cores a client library would cost as much as the servers that it measures.

export type HttpRequest = { method: 'GET' | 'POST'; path: string; headers: Record<string, string>; body?: string }

export type HttpPlan = {
  kind: 'http'
  host: string
  /** Connections are spread over them. */
  ports: readonly number[]
  connections: number
  /** Sent in this order, and from the start again until the time is over. `once` ends with the last one. */
  requests: readonly HttpRequest[]
  order: 'again' | 'once'
  /** The status of a good answer. */
  expects: number
  /** Who has waited this long on one connection leaves, answer or not. Without it the end of the window decides. */
  leavesAfterMs?: number
  /** A good redirect goes where this text is part of the address. */
  location?: string
}

export type Source = { next(): Buffer | undefined }

export function compileRequests({ host, ports, requests, order }: HttpPlan): Source {
  const bytes = requests.map((request) => toBytes(request, `${host}:${ports[0]}`))
  let sent = 0
  return {
    next() {
      const turn = sent++
      return order === 'once' ? bytes[turn] : bytes[turn % bytes.length]
    },
  }
}

function toBytes({ method, path, headers, body }: HttpRequest, host: string): Buffer {
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const lines = Object.entries({ host, ...headers, ...length }).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`)
}

/** Resolves when every connection has come to its end: the time is over, or nothing is left to send. */
export async function sendHttp(plan: HttpPlan, source: Source, watch: Stopwatch): Promise<void> {
  const { ports, connections } = plan
  await Promise.all(
    Array.from({ length: connections }, (_, turn) => converse(plan, ports[turn % ports.length], source, watch)),
  )
}

async function converse(plan: HttpPlan, port: number | undefined, source: Source, watch: Stopwatch): Promise<void> {
  while ((await converseOnce(plan, port ?? 0, source, watch)) === 'again');
}

/** One connection from its start to its end; `again` when the server closed it and there is more to do. */
function converseOnce(plan: HttpPlan, port: number, source: Source, watch: Stopwatch): Promise<'again' | 'done'> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: plan.host, port, noDelay: true })
    const reader = createAnswerReader()
    let sentAtMs = 0
    let isWaiting = false
    const tooLate = setTimeout(() => end('done'), plan.leavesAfterMs ?? watch.remainingMs())
    const end = (how: 'again' | 'done'): void => {
      clearTimeout(tooLate)
      socket.destroy()
      resolve(how)
    }
    const send = (): void => {
      const bytes = watch.isOver() ? undefined : source.next()
      if (bytes === undefined) return end('done')
      sentAtMs = performance.now()
      isWaiting = true
      socket.write(bytes)
    }
    socket.once('connect', send)
    socket.on('data', (chunk) => {
      const answer = reader.read(chunk)
      if (answer === undefined) return
      isWaiting = false
      const isGood =
        answer.status === plan.expects && (plan.location === undefined || answer.head.includes(plan.location))
      watch.add(performance.now() - sentAtMs, isGood ? undefined : String(answer.status))
      if (answer.closes) end('again')
      else send()
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      watch.add(performance.now() - sentAtMs, error.code ?? 'error')
      end('done')
    })
    socket.once('close', () => {
      if (isWaiting) watch.add(performance.now() - sentAtMs, 'closed')
      end(watch.isOver() ? 'done' : 'again')
    })
  })
}
