import type { HoldPoint, LabProvider } from 'dromos-lab'

/** How long the provider thinks: uniform around the mean, half of it before it rotates and half after. */
export type Latency = {
  meanMs: number
  /** A share of answers that take this much longer, after the rotation: the worst moment to be slow. */
  slow?: readonly { share: number; ms: number }[]
}

// A hold stops one request. So many are set ahead that no burst finds none.
const holdsAhead = 128

/** Delays every token request of the provider. Returns the way to change it. */
export function keepLatency(provider: LabProvider, initial: Latency): (latency: Latency) => void {
  let latency = initial
  const arm = (point: HoldPoint, delayMs: () => number): void => {
    const hold = provider.hold(point)
    void hold.reached.then(() => {
      arm(point, delayMs)
      setTimeout(() => hold.release(), delayMs())
    })
  }
  const half = (): number => (latency.meanMs / 2) * (0.25 + 1.5 * Math.random())
  for (let count = 0; count < holdsAhead; count++) {
    arm('before-rotate', half)
    arm('after-rotate', () => half() + extraMs(latency))
  }
  return (changed) => {
    latency = changed
  }
}

function extraMs({ slow = [] }: Latency): number {
  let draw = Math.random()
  for (const { share, ms } of slow) {
    if (draw < share) return ms
    draw -= share
  }
  return 0
}
