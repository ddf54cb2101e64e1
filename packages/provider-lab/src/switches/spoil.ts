import { gzipSync } from 'node:zlib'
import { redirectAnswer, textAnswer, type Answer, type Delivery } from '../answer.js'
import type { SwitchFacts } from './points.js'
import { numberOr } from './value.js'

/** A way to spoil an answer that suits every endpoint. */
export type Spoil = (answer: Answer, facts: SwitchFacts) => Answer

const errorPage =
  '<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>'
const mebibyte = 1_048_576

export const withStatus =
  (status: number): Spoil =>
  () =>
    textAnswer(status, 'text/html', errorPage)

export const withBody =
  (body: string | Buffer, contentType = 'application/json'): Spoil =>
  () =>
    textAnswer(200, contentType, body)

export const withDelivery =
  (delivery: Delivery): Spoil =>
  (answer) => ({ ...answer, delivery })

export const asHtml: Spoil = withBody(errorPage, 'text/html')

export const truncated: Spoil = (answer) => ({ ...answer, body: answer.body.slice(0, -12) })

/** Valid JSON behind which spaces follow: `value` bytes in all, default 100 MiB. `Infinity` never ends. */
export const huge: Spoil = (answer, { value }) => ({
  ...answer,
  delivery: { kind: 'padded', bytes: numberOr(value, 100 * mebibyte) },
})

export const dripping: Spoil = (answer, { value }) => ({
  ...answer,
  delivery: { kind: 'drip', everyMs: numberOr(value, 1000) },
})

/** A small gzip body that inflates to `value` bytes, default 64 MiB. */
export const gzipBomb: Spoil = (answer, { value }) => ({
  ...answer,
  headers: { ...answer.headers, 'content-encoding': 'gzip' },
  body: gzipSync(Buffer.concat([Buffer.from(answer.body), Buffer.alloc(numberOr(value, 64 * mebibyte), ' ')])),
})

/** A fault below HTTP, written on the socket itself. */
export const raw =
  (kind: 'garbage' | 'half-close' | 'two-lengths'): Spoil =>
  (answer) => ({ ...answer, delivery: { kind: 'raw', fault: { kind } } })

/** As raw, with a pause between bytes: `value` in ms, default 1000. */
export const rawDripping =
  (kind: 'drip-head' | 'endless-chunks'): Spoil =>
  (answer, { value }) => ({ ...answer, delivery: { kind: 'raw', fault: { kind, everyMs: numberOr(value, 1000) } } })

export const deeplyNested: Spoil = withBody('['.repeat(100_000) + ']'.repeat(100_000))

export const manyHeaders: Spoil = (answer, { value }) => {
  const added = Array.from({ length: numberOr(value, 10_000) }, (_, n) => [`x-lab-${n}`, 'v'] as const)
  return { ...answer, headers: { ...answer.headers, ...Object.fromEntries(added) } }
}

export const hugeHeader: Spoil = (answer, { value }) => ({
  ...answer,
  headers: { ...answer.headers, 'x-lab-huge': 'v'.repeat(numberOr(value, mebibyte)) },
})

/** To the attacker's origin; `value` is the status. */
export const toAttacker =
  (path: string, defaultStatus: number): ((answer: Answer | undefined, facts: SwitchFacts) => Answer) =>
  (_answer, { attackerUrl, value }) =>
    redirectAnswer(numberOr(value, defaultStatus), `${attackerUrl}${path}`)

/** JSON keys that pollute prototypes when a client copies them carelessly. */
export function withPrototypeKeys(body: Record<string, unknown>): Record<string, unknown> {
  const hostile = ['__proto__', 'constructor', 'prototype', 'toString'].map((key) => [key, { polluted: true }] as const)
  return Object.fromEntries([...Object.entries(body), ...hostile])
}
