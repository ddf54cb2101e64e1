import { setTimeout as pause } from 'node:timers/promises'
import { ServiceError } from '@dromos/contract'
import type { Actor } from './domain/events.js'
import type { Rotation } from './domain/key-rotation.js'
import { rotateForAWhile, type RotationPorts } from './flows/rotate-keys.js'

// Owns what the command `rotate-keys` does and says. Does not own the sealing (flows/rotate-keys.ts) or process.* (admin.ts).

export type RotateOptions = { status?: true; pause?: true; resume?: true; rate?: number; json?: true }

export type Terminal = { print(line: string): void; isInteractive: boolean; showProgress(text: string): void }

type Store = RotationPorts['reseal']

/** Status, pause and rate need no key: they change the row that every worker looks at. Throws `invalid_request`. */
export async function adjustRotation(reseal: Store, options: RotateOptions, terminal: Terminal): Promise<void> {
  const { rate } = options
  if (rate !== undefined && !(Number.isInteger(rate) && rate >= 1 && rate <= 100_000))
    throw new ServiceError('invalid_request', '--rate: give a whole number of rows a second from 1 to 100000')
  const latest = await reseal.latest()
  if (latest === undefined) return say(options, terminal, undefined)
  const isPaused = options.pause ? true : options.resume ? false : undefined
  await reseal.adjust(latest.keyId, { isPaused, rowsPerSecond: rate })
  say(options, terminal, await reseal.latest())
}

const showEveryMs = 1_000
const lineEveryMs = 10_000
const quietMs = 2_000

/**
 * Seals everything anew under the primary key and returns when that is done or paused; brokers may be at the same work. Throws
 * `invalid_request` when no broker has started with this key: it could not read what is sealed under it.
 */
export async function rotateKeys(
  ports: RotationPorts,
  actor: Actor,
  options: RotateOptions,
  terminal: Terminal,
): Promise<void> {
  const keyId = ports.vault.primaryKeyId
  const known = (await ports.canaries.list()).map((canary) => canary.keyId)
  if (!known.includes(keyId))
    throw new ServiceError(
      'invalid_request',
      `no broker has started with the key ${keyId} yet: give every broker ENCRYPTION_KEY and ENCRYPTION_KEYS_RETIRED first`,
    )
  await ports.reseal.request(keyId)
  await ports.reseal.adjust(keyId, { isPaused: options.resume ? false : undefined, rowsPerSecond: options.rate })
  const startedAtMs = performance.now()
  let shownAtMs = startedAtMs + quietMs - showEveryMs
  for (;;) {
    const turnAtMs = performance.now()
    await rotateForAWhile(ports, actor)
    const rotation = await ports.reseal.latest()
    if (rotation === undefined || rotation.keyId !== keyId || rotation.finishedAt !== undefined || rotation.isPaused)
      return say(options, terminal, rotation)
    const nowMs = performance.now()
    if (nowMs - shownAtMs >= (terminal.isInteractive ? showEveryMs : lineEveryMs)) {
      terminal.showProgress(describe(rotation))
      shownAtMs = nowMs
    }
    await pause(Math.max(1_000 - (nowMs - turnAtMs), 0)) // the rate is per second
  }
}

function say(options: RotateOptions, terminal: Terminal, rotation: Rotation | undefined): void {
  if (options.json) return terminal.print(JSON.stringify(rotation ?? null))
  if (rotation === undefined) return terminal.print('no rotation was asked for yet')
  terminal.print(describe(rotation))
  const stuck = Object.entries(rotation.unopened)
  for (const [keyId, rows] of stuck)
    terminal.print(`${rows} rows under the key ${keyId} do not open: they were left alone`)
  if (rotation.finishedAt === undefined) return
  for (const keyId of rotation.retiredKeys) terminal.print(`no row needs the key ${keyId} any more: it can be removed`)
}

function describe(rotation: Rotation): string {
  const state = rotation.finishedAt
    ? 'finished'
    : rotation.isPaused
      ? 'paused'
      : rotation.pass === 0
        ? `counting, ${rotation.source}`
        : `pass ${rotation.pass}, ${rotation.source}`
  return `key ${rotation.keyId}: ${state}; ${rotation.lookedAt} rows looked at, ${rotation.resealed} sealed anew`
}
