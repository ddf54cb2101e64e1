// Owns what is known of a rotation of the encryption key, and when it is over. Does not own the sealing: flows/rotate-keys.ts.

/** Where a rotation stands; kept in a row, so that any process can go on with it. */
export type Rotation = {
  /** Public id of the key under which everything is sealed anew. */
  keyId: string
  /** Walks over all sealed columns: the one numbered 0 only counts, and a rotation ends with one that found nothing. */
  pass: number
  /** The column that is walked, and the key of the last row looked at. */
  source: string
  position: readonly string[] | undefined
  /** Rows of this pass that another key had sealed. */
  found: number
  /** Rows over all passes. */
  lookedAt: number
  resealed: number
  /** Rows of this pass that did not open, by the id of their key. */
  unopened: Readonly<Record<string, number>>
  /** Rows that each other key still seals, by its id: never too few, for a refresh may seal one anew meanwhile. */
  rowsLeft: Readonly<Record<string, number>>
  /** Keys that no row needed when it ended: they can leave the configuration. */
  retiredKeys: readonly string[]
  isPaused: boolean
  rowsPerSecond: number
  startedAt: Date
  updatedAt: Date
  finishedAt: Date | undefined
}

export type Window = {
  /** Rows sealed by another key. */
  found: number
  /** Rows sealed anew, by the id of their former key. */
  resealed: Readonly<Record<string, number>>
  lookedAt: number
  unopened: Readonly<Record<string, number>>
  /** undefined = the column ended with this window. */
  last: readonly string[] | undefined
}

/** A window of the walk that counts: rows by the id of their key, those under the primary key left out. */
export type Counted = { rows: Readonly<Record<string, number>>; last: readonly string[] | undefined }

export type Next = { rotation: Rotation; isOver: boolean }

/** The rotation after a window of its walk that counts. */
export function afterCount(rotation: Rotation, counted: Counted, sources: readonly string[]): Rotation {
  const further = { ...rotation, rowsLeft: added(rotation.rowsLeft, counted.rows), position: counted.last }
  if (counted.last !== undefined) return further
  const following = sources[sources.indexOf(rotation.source) + 1]
  return following === undefined ? { ...further, pass: 1, source: sources[0] ?? '' } : { ...further, source: following }
}

/** The rotation after a window of its present column. `sources` is the order of the walk. */
export function afterWindow(rotation: Rotation, window: Window, sources: readonly string[]): Next {
  const counted = {
    ...rotation,
    found: rotation.found + window.found,
    lookedAt: rotation.lookedAt + window.lookedAt,
    resealed: rotation.resealed + sumOf(window.resealed),
    rowsLeft: without(rotation.rowsLeft, window.resealed),
    unopened: added(rotation.unopened, window.unopened),
    position: window.last,
  }
  if (window.last !== undefined) return { rotation: counted, isOver: false }
  const following = sources[sources.indexOf(rotation.source) + 1]
  if (following !== undefined) return { rotation: { ...counted, source: following }, isOver: false }
  if (counted.found <= sumOf(counted.unopened))
    return { rotation: { ...counted, rowsLeft: counted.unopened }, isOver: true }
  return {
    rotation: { ...counted, pass: rotation.pass + 1, source: sources[0] ?? '', found: 0, unopened: {} },
    isOver: false,
  }
}

type Counts = Readonly<Record<string, number>>

const sumOf = (counts: Counts): number => Object.values(counts).reduce((sum, rows) => sum + rows, 0)

const without = (counts: Counts, gone: Counts): Counts =>
  Object.fromEntries(Object.entries(counts).map(([id, rows]) => [id, Math.max(rows - (gone[id] ?? 0), 0)]))

function added(one: Counts, other: Counts): Counts {
  const ids = new Set([...Object.keys(one), ...Object.keys(other)])
  return Object.fromEntries([...ids].map((id) => [id, (one[id] ?? 0) + (other[id] ?? 0)]))
}
