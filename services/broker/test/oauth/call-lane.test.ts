import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { createCallLane } from '../../src/oauth/call-lane.js'

const lane = (concurrency: number, ratePerSecond: number) => {
  let offsetMs = 0
  const now = (): Date => new Date(1_767_225_600_000 + offsetMs)
  const made = createCallLane({ concurrency, ratePerSecond, now, sleep: (ms) => sleep(ms) })
  return { ...made, advance: (ms: number) => void (offsetMs += ms) }
}
const enterMany = (count: number, of: ReturnType<typeof lane>, patienceMs: number) =>
  Promise.all(Array.from({ length: count }, () => of.enter(patienceMs)))

describe('a lane of calls', () => {
  test('never has more calls at once than its cap, and lets everybody through in the end', async () => {
    const one = lane(3, 10_000)
    let running = 0
    let most = 0
    const run = async (): Promise<void> => {
      if (!(await one.enter(5_000))) throw new Error('no place')
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      one.leave()
    }
    await Promise.all(Array.from({ length: 100 }, run))
    expect(most).toBe(3)
  })

  test('begins no more calls in a second than its rate', async () => {
    const one = lane(1_000, 50)
    const places = await enterMany(80, one, 30)
    expect(places.filter(Boolean)).toHaveLength(50)
    one.advance(1_000)
    expect((await enterMany(80, one, 30)).filter(Boolean)).toHaveLength(50)
  })

  test('first come, first served', async () => {
    const one = lane(1, 1_000)
    await one.enter(1_000)
    const order: number[] = []
    const waiting = [1, 2, 3].map(async (number) => {
      await one.enter(1_000)
      order.push(number)
      one.leave()
    })
    one.leave()
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
  })

  test('turns away whoever waited too long, and keeps no place for them', async () => {
    const one = lane(1, 1_000)
    await one.enter(1_000)
    expect(await one.enter(20)).toBe(false)
    one.leave()
    expect(await one.enter(20)).toBe(true)
  })
})
