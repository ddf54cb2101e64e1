import type { ServerResponse } from 'node:http'
import type { Answer } from './answer.js'
import { deliverRaw } from './raw-delivery.js'
import { pauseMs, write } from './write.js'

export type Pauses = { beforeFirstByte(): Promise<void>; midBody(): Promise<void> }

export const noPauses: Pauses = { beforeFirstByte: () => Promise.resolve(), midBody: () => Promise.resolve() }

const dripGiveUpMs = 600_000
const paddingChunk = Buffer.alloc(65_536, ' ')

/** Puts an answer on the wire the way its delivery says. Resolves when nothing more will be sent. */
export async function deliver(response: ServerResponse, answer: Answer, pauses: Pauses): Promise<void> {
  const body = Buffer.from(answer.body)
  const { delivery } = answer
  await pauses.beforeFirstByte()
  if (delivery.kind === 'raw') return deliverRaw(response, answer, delivery.fault)
  if ((delivery.kind === 'hang' || delivery.kind === 'reset') && delivery.after === 'nothing') {
    return stop(response, delivery.kind)
  }
  response.writeHead(answer.status, { ...answer.headers, ...lengthOf(answer, body) })
  switch (delivery.kind) {
    case 'whole':
      return writeWhole(response, body, pauses)
    case 'drip':
      return drip(response, body, delivery.everyMs)
    case 'padded':
      return writePadded(response, body, delivery.bytes)
    case 'hang':
    case 'reset':
      response.flushHeaders()
      await write(response, firstHalf(body))
      return stop(response, delivery.kind)
  }
}

/** Whether a byte of the answer's head reaches the client. */
export function reachesClient({ delivery }: Answer): boolean {
  return !('after' in delivery) || delivery.after !== 'nothing'
}

function lengthOf({ delivery, status }: Answer, body: Buffer): Record<string, string> {
  if (status === 204 || delivery.kind === 'padded') return {}
  return { 'content-length': String(body.length) }
}

// A hanging socket stays open until the client gives up or the lab closes.
function stop(response: ServerResponse, kind: 'hang' | 'reset'): void {
  if (kind === 'reset') response.socket?.resetAndDestroy()
}

async function writeWhole(response: ServerResponse, body: Buffer, pauses: Pauses): Promise<void> {
  const head = firstHalf(body)
  await write(response, head)
  await pauses.midBody()
  response.end(body.subarray(head.length))
}

async function drip(response: ServerResponse, body: Buffer, everyMs: number): Promise<void> {
  const giveUpAtMs = Date.now() + dripGiveUpMs
  response.flushHeaders()
  for (const byte of body) {
    await pauseMs(everyMs)
    if (response.destroyed || Date.now() > giveUpAtMs) return
    await write(response, Buffer.of(byte))
  }
  response.end()
}

async function writePadded(response: ServerResponse, body: Buffer, bytes: number): Promise<void> {
  await write(response, body)
  for (let sent = body.length; sent < bytes && !response.destroyed; sent += paddingChunk.length) {
    await write(response, paddingChunk)
  }
  response.end()
}

const firstHalf = (body: Buffer): Buffer => body.subarray(0, Math.floor(body.length / 2))
