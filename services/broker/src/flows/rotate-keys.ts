import { afterCount, afterWindow, type Rotation, type Window } from '../domain/key-rotation.js'
import type { Actor } from '../domain/events.js'
import type { Ports } from './ports/ports.js'
import type { CanaryStore, ResealStore, SealedRow, Vault } from './ports/vault.js'

// Owns how everything sealed comes under the primary key while the broker works: window by window, each a compare-and-set on
// the ciphertext that was read, so that it can be killed anywhere and meets refreshes without harm.
// Does not own where sealed columns are (postgres/reseal-store.ts).

type RotatingVault = Vault & { primaryKeyId: string; keyIdOf(envelope: Buffer): string }

export type RotationPorts = Pick<Ports, 'report'> & {
  reseal: ResealStore
  canaries: CanaryStore
  vault: RotatingVault
}

const windowRows = 500
const countedRows = 20_000
const turnMs = 1_000

/**
 * Works on the rotation to this process's primary key for about a second, within its rate; undefined when there is nothing to
 * do: nobody asked for one, it is paused or over, or another process is at it.
 */
export async function rotateForAWhile(ports: RotationPorts, actor: Actor): Promise<Rotation | undefined> {
  let rotation = await ports.reseal.take(ports.vault.primaryKeyId)
  if (rotation === undefined) return undefined
  const startedAtMs = performance.now()
  while (rotation.pass === 0 && performance.now() - startedAtMs < turnMs) {
    rotation = await countWindow(ports, rotation)
    if (!(await ports.reseal.save(rotation))) return rotation
  }
  const enough = rotation.resealed + rotation.rowsPerSecond
  while (rotation.pass > 0 && performance.now() - startedAtMs < turnMs && rotation.resealed < enough) {
    const limit = Math.min(windowRows, enough - rotation.resealed)
    const window = await resealWindow(ports, rotation, limit)
    const next = afterWindow(rotation, window, ports.reseal.sources)
    const isOurs = next.isOver ? await finish(ports, next.rotation, actor) : await ports.reseal.save(next.rotation)
    rotation = next.rotation
    if (!isOurs || next.isOver) break
  }
  return rotation
}

async function countWindow({ vault, reseal }: RotationPorts, rotation: Rotation): Promise<Rotation> {
  const counted = await reseal.count(rotation.source, rotation.position, countedRows, vault.primaryKeyId)
  return afterCount(rotation, counted, reseal.sources)
}

async function resealWindow(ports: RotationPorts, rotation: Rotation, limit: number): Promise<Window> {
  const { vault, reseal } = ports
  const read = await reseal.window(rotation.source, rotation.position, limit, vault.primaryKeyId)
  const unopened: Record<string, number> = {}
  const resealed: Record<string, number> = {}
  for (const keyId of new Set(read.rows.map(({ sealed }) => vault.keyIdOf(sealed)))) {
    const rows = read.rows.filter(({ sealed }) => vault.keyIdOf(sealed) === keyId)
    const changes = rows.flatMap((row) => {
      const to = sealedAnew(vault, row)
      return to === undefined ? [] : [{ key: row.key, from: row.sealed, to }]
    })
    if (changes.length < rows.length) unopened[keyId] = rows.length - changes.length
    if (changes.length > 0) resealed[keyId] = await reseal.replace(rotation.source, changes)
  }
  return { found: read.rows.length, resealed, lookedAt: read.lookedAt, unopened, last: read.last }
}

/** undefined when it does not open: damaged, or sealed by a key that is not configured. It stays as it is. */
function sealedAnew(vault: Vault, row: SealedRow): Buffer | undefined {
  try {
    return vault.seal(vault.open(row.sealed, row.context), row.context)
  } catch {
    return undefined
  }
}

/** A key that no row needs loses its canary: from then on a start without it is no mistake. */
async function finish(ports: RotationPorts, rotation: Rotation, actor: Actor): Promise<boolean> {
  const held = (await ports.canaries.list()).map(({ keyId }) => keyId)
  const retiredKeys = held.filter((id) => id !== rotation.keyId && (rotation.unopened[id] ?? 0) === 0)
  for (const keyId of retiredKeys) await ports.canaries.remove(keyId)
  const all = [...new Set([...rotation.retiredKeys, ...retiredKeys])]
  const isOurs = await ports.reseal.finish({ ...rotation, retiredKeys: all })
  if (isOurs)
    await ports.report({
      type: 'encryption_key.rotated',
      actor,
      data: { key_id: rotation.keyId, rows: rotation.resealed, retired_keys: all },
    })
  return isOurs
}
