export type Happening = { atMs: number; order: number; run: () => void }

/** What is going to happen, earliest first; of two at the same moment, the one that was planned first. A binary heap. */
export class EventQueue {
  private readonly heap: Happening[] = []
  private planned = 0

  /** Infinity when nothing is planned. */
  get nextMs(): number {
    return this.heap[0]?.atMs ?? Infinity
  }

  push(atMs: number, run: () => void): void {
    const { heap } = this
    const added = { atMs, order: this.planned++, run }
    let at = heap.length
    heap.push(added)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(added, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = added
  }

  pop(): Happening | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (last !== undefined && heap.length > 0) this.sink(last)
    return first
  }

  private sink(sinking: Happening): void {
    const { heap } = this
    let at = 0
    for (;;) {
      const left = heap[2 * at + 1]
      const right = heap[2 * at + 2]
      if (left === undefined) break
      const isRight = right !== undefined && isBefore(right, left)
      const smaller = isRight ? right : left
      if (!isBefore(smaller, sinking)) break
      heap[at] = smaller
      at = 2 * at + (isRight ? 2 : 1)
    }
    heap[at] = sinking
  }
}

const isBefore = (one: Happening, other: Happening): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
