import { connect, type Socket } from 'node:net'
import {
  ack,
  addressed,
  createFrameReader,
  endStream,
  type Frame,
  frame,
  frameType,
  preface,
  type RequestFrames,
  requestFrames,
  widen,
} from './http2-frames.js'
import type { Stopwatch } from './stopwatch.js'

// Owns unary gRPC calls as frames over plain sockets. A grpc-js client costs twice what its server costs, and h2load is not on
// every machine: so requests are bytes made once, and of an answer only the length of its message is looked at.

export type GrpcPlan = {
  kind: 'grpc'
  host: string
  port: number
  connections: number
  /** Calls in flight on each connection. */
  streams: number
  /** For example /oha.v1.OHAService/GetToken. */
  method: string
  metadata: Record<string, string>
  /** Encoded messages, sent in turns. */
  messages: readonly Uint8Array[]
  /** A good answer has a message of so many bytes. A refusal has none, and a lost Struct arrives empty. */
  leastBytes: number
}

export type GrpcSource = { next(): RequestFrames | undefined }

export function compileCalls({ host, port, method, metadata, messages }: GrpcPlan): GrpcSource {
  const headers = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': method,
    ':authority': `${host}:${port}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...metadata,
  }
  const calls = messages.map((message) => requestFrames(headers, lengthPrefixed(message)))
  let sent = 0
  return { next: () => calls[sent++ % calls.length] }
}

function lengthPrefixed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** Resolves when the time is over and every connection is closed. */
export async function callGrpc(plan: GrpcPlan, source: GrpcSource, watch: Stopwatch): Promise<void> {
  await Promise.all(Array.from({ length: plan.connections }, () => converse(plan, source, watch)))
}

const widenEvery = 16 * 1024 * 1024

function converse(plan: GrpcPlan, source: GrpcSource, watch: Stopwatch): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: plan.host, port: plan.port, noDelay: true })
    const reader = createFrameReader()
    const open = new Map<number, { sentAtMs: number; bytes: number }>()
    let nextStream = 1
    let unwidened = 0
    const tooLate = setTimeout(() => end(), watch.remainingMs())
    const end = (why?: string): void => {
      clearTimeout(tooLate)
      if (why !== undefined) for (const { sentAtMs } of open.values()) watch.add(performance.now() - sentAtMs, why)
      open.clear()
      socket.destroy()
      resolve()
    }
    const call = (): void => {
      const request = watch.isOver() ? undefined : source.next()
      if (request === undefined) return open.size === 0 ? end() : undefined
      open.set(nextStream, { sentAtMs: performance.now(), bytes: 0 })
      socket.write(addressed(request, nextStream))
      nextStream += 2 // a client's streams are odd (RFC 9113 section 5.1.1)
    }
    const finish = (stream: number, failure?: string): void => {
      const ended = open.get(stream)
      if (!open.delete(stream) || ended === undefined) return
      const isGood = failure === undefined && ended.bytes >= plan.leastBytes
      watch.add(performance.now() - ended.sentAtMs, isGood ? undefined : (failure ?? 'no message'))
      call()
    }
    const take = ({ type, flags, stream, payload }: Frame): void => {
      const isAck = (flags & ack) !== 0
      if (type === frameType.data) {
        const answer = open.get(stream)
        if (answer !== undefined) answer.bytes += payload.length
        unwidened += payload.length
        if (unwidened > widenEvery) {
          socket.write(widen(unwidened))
          unwidened = 0
        }
      }
      if (type === frameType.reset) finish(stream, 'reset')
      else if (type === frameType.goAway) end('connection ended')
      else if (type === frameType.settings && !isAck) socket.write(frame(frameType.settings, ack, 0, Buffer.alloc(0)))
      else if (type === frameType.ping && !isAck) socket.write(frame(frameType.ping, ack, 0, payload))
      else if (type <= frameType.headers && (flags & endStream) !== 0) finish(stream)
    }
    socket.once('connect', () => {
      socket.write(preface)
      for (let count = 0; count < plan.streams; count++) call()
    })
    socket.on('data', (chunk) => reader.read(chunk).forEach(take))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error'))
    socket.once('close', () => end('closed'))
  })
}
