import { once } from 'node:events'
import { type ClientHttp2Session, connect, constants } from 'node:http2'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from '@jest/globals'
import { answerJson, callerKey, connectionId, startStandIn, startTestGateway, type BrokerStandIn, type TestGateway } from '../gateway.js' // prettier-ignore
import { failureOf, openRpc, type RpcClient } from './client.js'

// Owns what a client that means ill does below gRPC, on a bare HTTP/2 session. The proof is each time the same: a call of
// somebody else is answered.

let broker: BrokerStandIn
let gateway: TestGateway
let rpc: RpcClient
beforeAll(async () => {
  broker = await startStandIn((_request, response) => answerJson(response, 200, { status: 'active', detail: '', reason: null })) // prettier-ignore
  gateway = await startTestGateway({ BROKER_BASE_URL: broker.url, BROKER_API_KEY: 'dk_gateway1_s3cret' })
  rpc = openRpc(gateway.grpcPort)
})
afterAll(async () => {
  rpc.close()
  await gateway.close()
  await broker.close()
})

let session: ClientHttp2Session
beforeEach(async () => {
  session = connect(`http://127.0.0.1:${gateway.grpcPort}`)
  session.on('error', () => undefined) // the server may hang up on us
  await once(session, 'connect')
})
afterEach(() => session.destroy())

const method = '/nexus.v1.NexusService/CheckConnection'
const headers = {
  ':method': 'POST',
  ':path': method,
  'content-type': 'application/grpc',
  te: 'trailers',
  'x-api-key': callerKey,
}

/** A length-prefixed message. */
function frame(message: Buffer, announced = message.length): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(announced, 1)
  return Buffer.concat([prefix, message])
}

const idField = (text: Buffer): Buffer => Buffer.concat([Buffer.from([0x0a, text.length]), text])

/** One call of bare bytes; its gRPC status, or undefined when the stream was reset. */
function call(bytes: Buffer, extra: Record<string, string> = {}): Promise<number | undefined> {
  return new Promise((resolve) => {
    const stream = session.request({ ...headers, ...extra })
    let code: number | undefined
    const read = (received: Record<string, unknown>): void => {
      if (received['grpc-status'] !== undefined) code = Number(received['grpc-status'])
    }
    stream.on('response', read).on('trailers', read).on('error', () => undefined).on('close', () => resolve(code)) // prettier-ignore
    stream.resume()
    stream.end(bytes)
  })
}

async function expectOthersServed(): Promise<void> {
  const { message } = await rpc.call(method, { connection_id: connectionId }, { 'x-api-key': callerKey })
  expect(message.status).toBe('active')
}

test('a call of bare bytes is answered as any other: what follows is no fault of the client (A76)', async () => {
  expect(await call(frame(idField(Buffer.from(connectionId))))).toBe(status.OK)
})

test('five thousand streams opened and reset at once leave the others alone (A76)', async () => {
  for (let count = 0; count < 5_000 && !session.destroyed; count++) {
    const stream = session.request(headers)
    stream.on('error', () => undefined)
    stream.close(constants.NGHTTP2_CANCEL)
  }
  await expectOthersServed()
})

test('ten thousand calls on one connection are never more than a hundred at once (A76)', async () => {
  expect(session.remoteSettings.maxConcurrentStreams ?? (await settingsOf(session))).toBe(100)
  for (let count = 0; count < 10_000 && !session.destroyed; count++)
    session.request(headers).on('error', () => undefined) // never ended
  await expectOthersServed()
})

test('a flood of pings is answered or cut off, and the others are served (A76)', async () => {
  for (let count = 0; count < 5_000 && !session.destroyed; count++) session.ping(() => undefined)
  await expectOthersServed()
})

test('a megabyte of metadata, a message said to be four gigabytes and one that is none are refused (A76)', async () => {
  expect(await call(frame(Buffer.from([0xff, 0xff, 0xff])))).not.toBe(status.OK)
  expect(await call(frame(Buffer.alloc(4), 0xffffffff))).toBe(status.RESOURCE_EXHAUSTED)
  expect(await call(frame(idField(Buffer.from(connectionId))), { 'x-filler': 'a'.repeat(1_000_000) })).not.toBe(status.OK)
  await expectOthersServed()
}) // prettier-ignore

test('a string that is not UTF-8 is refused as an argument (A76)', async () => {
  expect(await call(frame(idField(Buffer.from([0xff, 0xfe, 0x80, 0x80, 0xc0, 0xaf, 0xed, 0xa0]))))).toBe(
    status.INVALID_ARGUMENT,
  )
  await expectOthersServed()
})

test('a deadline of zero, an unknown method and no message at all end with their own status (A76)', async () => {
  const past = rpc.call(method, { connection_id: connectionId }, { 'x-api-key': callerKey }, { deadline: 0 })
  expect((await failureOf(past)).code).toBe(status.DEADLINE_EXCEEDED)
  expect(await call(frame(Buffer.alloc(0)), { 'grpc-timeout': '0n' })).not.toBe(status.OK)
  expect(await call(frame(Buffer.alloc(0)), { ':path': '/nexus.v1.NexusService/DropTables' })).toBe(status.UNIMPLEMENTED)
  expect(await call(frame(Buffer.alloc(0)), { ':path': '/no.such.Service/Method' })).toBe(status.UNIMPLEMENTED)
  expect(await call(Buffer.alloc(0))).not.toBe(status.OK)
  await expectOthersServed()
}) // prettier-ignore

async function settingsOf(client: ClientHttp2Session): Promise<number | undefined> {
  await once(client, 'remoteSettings')
  return client.remoteSettings.maxConcurrentStreams
}
