export const holdPoints = ['before-rotate', 'after-rotate', 'before-first-byte', 'mid-body'] as const

export type HoldPoint = (typeof holdPoints)[number]

export type Hold = {
  /** Resolves when a request stands at the point. */
  reached: Promise<void>
  /** Lets it go on; before it arrived, cancels the hold. */
  release(): void
}

export type Holds = {
  hold(point: HoldPoint): Hold
  /** Called by the token endpoint: waits when a hold is set for this point. One hold stops one request. */
  pass(point: HoldPoint): Promise<void>
  releaseAll(): void
}

type Barrier = { point: HoldPoint; arrive: () => void; released: Promise<void>; release: () => void }

export function createHolds(): Holds {
  const waiting: Barrier[] = []
  const all = new Set<Barrier>()

  const discard = (barrier: Barrier): void => {
    all.delete(barrier)
    const index = waiting.indexOf(barrier)
    if (index >= 0) waiting.splice(index, 1)
    barrier.release()
  }

  return {
    hold: (point) => {
      const arrival = gate()
      const exit = gate()
      const barrier = { point, arrive: arrival.open, released: exit.opened, release: exit.open }
      waiting.push(barrier)
      all.add(barrier)
      return { reached: arrival.opened, release: () => discard(barrier) }
    },
    pass: async (point) => {
      const index = waiting.findIndex((barrier) => barrier.point === point)
      const [barrier] = index < 0 ? [] : waiting.splice(index, 1)
      if (!barrier) return
      barrier.arrive()
      await barrier.released
    },
    releaseAll: () => all.forEach(discard),
  }
}

function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
