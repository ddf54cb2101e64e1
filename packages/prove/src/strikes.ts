import { setTimeout as pause } from 'node:timers/promises'
import type { Fleet } from './fleet.js'

// Owns the rhythm of faults that hit one replica at a time: a random one, every 0.5 to 1.2 s, while two others are up.

export type Strikes = { count(): number; run(times: number): Promise<void> }

const waitForReplicasMs = 60_000

/** `hit` ends the replica; it is started again at once, while the next ones are hit. */
export function createStrikes(fleet: Fleet, hit: (replica: number) => Promise<void>): Strikes {
  let count = 0
  return {
    count: () => count,
    async run(times) {
      const restarts: Promise<void>[] = []
      while (count < times) {
        await pause(500 + 700 * Math.random())
        await replicasReady(fleet, 3)
        const ready = fleet.ready()
        const victim = ready[Math.floor(Math.random() * ready.length)]
        if (victim === undefined) continue
        await hit(victim)
        count++
        const restart = fleet.restart(victim)
        restart.catch(() => undefined) // told by Promise.all below
        restarts.push(restart)
      }
      await Promise.all(restarts)
    },
  }
}

async function replicasReady(fleet: Fleet, wanted: number): Promise<void> {
  const giveUpAtMs = performance.now() + waitForReplicasMs
  while (fleet.ready().length < wanted) {
    if (performance.now() > giveUpAtMs) throw new Error('the replicas did not come back')
    await pause(20)
  }
}
