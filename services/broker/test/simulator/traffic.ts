import type { Random } from './random.js'
import type { Request } from './replica.js'

export type Arrival = { atMs: number; replica: number; request: Request; usesLastVersion: boolean }

const fresh: Request = { kind: 'fresh', minTtlMs: 30_000 }
const forced: Request = { kind: 'newer_than', ifVersion: undefined }

/** Bursts of callers at all replicas: at once, within seconds, or through the time in which others recover. */
export function randomTraffic(random: Random, replicas: number): Arrival[] {
  const arrivals: Arrival[] = []
  let atMs = 0
  for (let burst = random.between(2, 4); burst > 0; burst--) {
    const spreadMs = random.pick([5, 300, 6_000, 20_000])
    const forcedShare = random.pick([0, 0, 0.5, 1])
    for (let callers = random.between(1, 6); callers > 0; callers--)
      arrivals.push({
        atMs: atMs + random.between(0, spreadMs),
        replica: random.between(0, replicas - 1),
        request: random.chance(forcedShare) ? forced : fresh,
        usesLastVersion: random.chance(0.5),
      })
    atMs += random.pick([1_000, 4_000, 17_000, 65_000])
  }
  return arrivals
}

/** The traffic of the enumerated faults: a herd at an expired token, latecomers, two forced refreshes, another expiry. */
export const standardTraffic: readonly Arrival[] = [
  ...[0, 1, 2].map((replica) => ({ atMs: replica * 3, replica, request: fresh, usesLastVersion: false })),
  { atMs: 2_500, replica: 1, request: fresh, usesLastVersion: false },
  { atMs: 17_000, replica: 2, request: fresh, usesLastVersion: false },
  { atMs: 30_000, replica: 0, request: forced, usesLastVersion: true },
  { atMs: 30_020, replica: 1, request: forced, usesLastVersion: true },
  { atMs: 110_000, replica: 2, request: fresh, usesLastVersion: false },
]
