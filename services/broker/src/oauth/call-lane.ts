import { createTokenBucket } from '../domain/token-bucket.js'

/** How many calls of one client at one provider run at once, and how many begin in a second. */
export type CallLane = {
  /** Waits for a place, first come first served; false when there was none in `patienceMs`. Each true needs a `leave`. */
  enter(patienceMs: number): Promise<boolean>
  leave(): void
}

/** Beyond this, whoever comes would only wait in vain. */
const longestQueue = 1_000
const lookEveryMs = 10

type Waiter = { giveUpAtMs: number; admit(hasPlace: boolean): void }

/** `sleep` may be shortened by nobody: a lane looks at its queue while somebody waits, and not otherwise. */
export function createCallLane(options: {
  concurrency: number
  ratePerSecond: number
  now(): Date
  sleep(ms: number): Promise<void>
}): CallLane {
  const { concurrency, ratePerSecond, now, sleep } = options
  const bucket = createTokenBucket({ burst: ratePerSecond, refillMs: 1000 / ratePerSecond, now })
  const queue: Waiter[] = []
  let running = 0
  let isLooking = false

  const tryEnter = (): boolean => {
    if (running >= concurrency || !bucket.take()) return false
    running++
    return true
  }
  const admitWaiting = (): void => {
    const nowMs = performance.now()
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      const hasPlace = first.giveUpAtMs > nowMs && tryEnter()
      if (!hasPlace && first.giveUpAtMs > nowMs) return
      queue.shift()
      first.admit(hasPlace)
    }
  }
  const lookWhileSomebodyWaits = async (): Promise<void> => {
    if (isLooking) return
    isLooking = true
    while (queue.length > 0) {
      await sleep(lookEveryMs)
      admitWaiting()
    }
    isLooking = false
  }

  return {
    async enter(patienceMs) {
      if (queue.length === 0 && tryEnter()) return true
      if (queue.length >= longestQueue) return false
      const admitted = new Promise<boolean>((admit) =>
        queue.push({ giveUpAtMs: performance.now() + patienceMs, admit }),
      )
      void lookWhileSomebodyWaits()
      return admitted
    },
    leave() {
      running--
      admitWaiting()
    },
  }
}
