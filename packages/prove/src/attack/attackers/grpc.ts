import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { AgentWorld } from '../agent.js'
import { type Attacker } from './attacker.js'

// Owns abuse of gRPC on bare HTTP/2, below what a gRPC client would send (A76).

const path = '/nexus.v1.NexusService/GetToken'
const frame = (bytes: Buffer, flag = 0): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt8(flag, 0)
  head.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

type Case = {
  tries: string
  headers?: OutgoingHttpHeaders
  body: Buffer
  /** grpc-status that may come back. */ status: readonly string[]
}

// 3 INVALID_ARGUMENT, 8 RESOURCE_EXHAUSTED, 12 UNIMPLEMENTED, 13 INTERNAL, 16 UNAUTHENTICATED
const cases: readonly Case[] = [
  {
    tries: 'an unknown method',
    headers: { ':path': '/nexus.v1.NexusService/Steal' },
    body: frame(Buffer.alloc(0)),
    status: ['12'],
  },
  { tries: 'an unknown service', headers: { ':path': '/a/b' }, body: frame(Buffer.alloc(0)), status: ['12'] },
  { tries: 'no key', body: frame(Buffer.from([0x0a, 1, 0x61])), status: ['16', '3'] },
  { tries: 'a message that is none', body: frame(Buffer.from([0xff, 0xff, 0xff])), status: ['13', '3', '16'] },
  { tries: 'invalid UTF-8', body: frame(Buffer.from([0x0a, 2, 0xc3, 0x28])), status: ['13', '3', '16'] },
  { tries: 'a message of 1 MiB', body: frame(Buffer.alloc(1_048_576)), status: ['8'] },
  { tries: 'a compressed message of no encoding', body: frame(Buffer.alloc(4), 1), status: ['12', '13', '3', '16'] },
  {
    tries: 'a deadline of nothing',
    headers: { 'grpc-timeout': '0n' },
    body: frame(Buffer.from([0x0a, 1, 0x61])),
    status: ['4', '16'],
  },
  {
    tries: 'metadata of 60 KB',
    headers: { 'x-long': 'a'.repeat(60_000) },
    body: frame(Buffer.alloc(0)),
    status: ['16', '3', '8'],
  },
]

const messages: Attacker = {
  tries: 'gRPC messages too large, broken, compressed, for methods that are not there (A76)',
  async attack(world) {
    const chosen = world.dice.pick(cases)
    if (chosen === undefined) return
    const session = open(world)
    const status = await unary(session, chosen)
    session.destroy()
    world.cast.recorder.did(`raw gRPC ${status ?? 'reset'}`)
    if (status !== undefined && !chosen.status.includes(status))
      world.cast.recorder.violated('an unexpected gRPC status', `${chosen.tries}: ${status}`)
  },
}

/** grpc-status, in headers or trailers; undefined when the stream was reset. */
function unary(
  session: ClientHttp2Session,
  { headers, body }: Pick<Case, 'headers' | 'body'>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers,
    }) // prettier-ignore
    let status: string | undefined
    const note = (received: { 'grpc-status'?: unknown }): void => {
      if (typeof received['grpc-status'] === 'string') status = received['grpc-status']
    }
    stream.on('response', note)
    stream.on('trailers', note)
    stream.on('error', () => undefined)
    stream.on('close', () => resolve(status))
    stream.setTimeout(10_000, () => stream.close(constants.NGHTTP2_CANCEL))
    stream.resume()
    stream.end(body)
  })
}

const floods: Attacker = {
  tries: 'three hundred streams at once, rapid resets, pings, frames that are none (A76)',
  async attack(world) {
    const session = open(world)
    const streams = Array.from({ length: 300 }, () => unary(session, { body: frame(Buffer.alloc(0)) }))
    for (let count = 0; count < 200; count++) {
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' })
      stream.on('error', () => undefined)
      stream.close(constants.NGHTTP2_CANCEL)
    }
    for (let count = 0; count < 50; count++) if (!session.destroyed) session.ping(() => undefined)
    await Promise.all(streams)
    session.destroy()
    await brokenFrames(world)
    world.cast.recorder.did('gRPC flood')
  },
}

function brokenFrames(world: AgentWorld): Promise<void> {
  const { hostname, port } = new URL(`tcp://${world.dice.pick(world.cast.gateways)?.grpcAddress}`)
  return new Promise((resolve) => {
    const socket = connectTcp(Number(port), hostname)
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
    socket.setTimeout(2_000, () => socket.destroy())
    socket.resume()
    // The preface, then a SETTINGS frame of an impossible length.
    socket.write(
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u00ff\u00ff\u00ff\u0004\u0000\u0000\u0000\u0000\u0000', 'latin1'),
    )
  })
}

function open(world: AgentWorld): ClientHttp2Session {
  const session = connect(`http://${world.dice.pick(world.cast.gateways)?.grpcAddress}`)
  session.on('error', () => undefined)
  return session
}

export const grpcAttackers: readonly Attacker[] = [messages, floods]
