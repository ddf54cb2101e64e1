import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ConnectionKey } from '../../src/domain/connection.js'
import type { LeaseStore } from '../../src/flows/ports/refresh.js'
import { behindALock } from './behind-a-lock.js'
import { captured, eventAbout, givenActive, startStores, type TestStores } from './start-stores.js'

let stores: TestStores
let other: LeaseStore
beforeAll(async () => {
  stores = await startStores()
  other = stores.replica().stores.leases
})
afterAll(() => stores.stop())

const wish = { version: 1, leaseMs: 15_000, takesOver: false, fingerprint: Buffer.alloc(32, 1) }
const granted = { fence: 1, previous: 'idle', failCount: 0 }
const well = { reason: undefined, attempt: 'idle', backoffMs: 0 } as const
const dead = { ...well, reason: 'revoked' } as const
const back = { attempt: 'idle', backoffMs: 0, error: 'none', countsAsFailure: false } as const

const age = (key: ConnectionKey, column: 'lease_until' | 'backoff_until', ms: number): Promise<unknown> =>
  stores.sql(`update connections set ${column} = now() - make_interval(secs => $2) where id = $1`, [
    key.connectionId,
    ms / 1000,
  ])
const rowOf = async (key: ConnectionKey): Promise<Record<string, unknown> | undefined> =>
  (await stores.sql('select * from connections where id = $1', [key.connectionId]))[0]

describe('the lease', () => {
  test('of twenty parallel wishes one is granted (fault 35)', async () => {
    const key = await givenActive(stores)
    const replicas = [stores.leases, other, ...Array.from({ length: 3 }, () => stores.replica().stores.leases)]
    const answers = await behindALock(stores, key.connectionId, replicas.length, () =>
      Promise.all(replicas.flatMap((each) => Array.from({ length: 4 }, () => each.acquire(key, wish)))),
    )
    expect(answers.filter((each) => each !== undefined)).toEqual([granted])
  })

  test('is committed before it is granted: another session sees the attempt as sent', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    expect(await rowOf(key)).toMatchObject({
      attempt_state: 'sent',
      fence: '1',
      lease_owner: String(stores.leases.owner),
      attempt_fingerprint: wish.fingerprint,
    })
    expect(await other.view(key, false)).toMatchObject({ isLeased: true, attempt: 'sent', fence: 1, backoffMs: 0 })
  })

  test('plans what comes next by the policy it was made under, and leaves it open when that changed', async () => {
    const next = { at: new Date('2026-01-01T11:00:00Z'), schedule: undefined }
    for (const [policy, at] of [[undefined, next.at], ['on_demand', null]] as const) {
      const key = await givenActive(stores)
      const { fence = 0 } = (await stores.leases.acquire(key, wish)) ?? {}
      await stores.schedule.choose(key, policy)
      await stores.leases.capture(key, { fence, version: 1 }, { ...captured('second'), nextRefresh: next })
      expect(await rowOf(key)).toMatchObject({ version: '2', next_refresh_at: at })
    }
  }) // prettier-ignore

  test('every grant raises the fence', async () => {
    const key = await givenActive(stores)
    const fences: number[] = []
    for (let round = 0; round < 5; round++) {
      const lease = await (round % 2 ? other : stores.leases).acquire(key, wish)
      fences.push(lease?.fence ?? 0)
      await stores.leases.release(key, lease?.fence ?? 0, back)
    }
    expect(fences).toEqual([1, 2, 3, 4, 5])
  })

  test('is refused for a version that is not current and for a connection that is not active', async () => {
    const key = await givenActive(stores)
    expect(await stores.leases.acquire(key, { ...wish, version: 2 })).toBeUndefined()
    await stores.sql(`update connections set status = 'attention', reason = 'revoked' where id = $1`, [
      key.connectionId,
    ])
    expect(await stores.leases.acquire(key, wish)).toBeUndefined()
  })

  test('that ended by time is taken by the next, who learns that a call may have been made', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    expect(await other.acquire(key, wish)).toBeUndefined()
    await age(key, 'lease_until', 1)
    expect(await other.acquire(key, wish)).toEqual({ fence: 2, previous: 'sent', failCount: 0 })
  })

  test('of another tenant is neither seen nor taken nor ended', async () => {
    const key = await givenActive(stores)
    const lease = await stores.leases.acquire(key, wish)
    const foreign = { ...key, tenantId: 'other' }
    const held = { fence: lease?.fence ?? 0, version: 1 }
    expect(await stores.leases.view(foreign, true)).toBeUndefined()
    expect(await stores.leases.acquire(foreign, wish)).toBeUndefined()
    expect(await stores.leases.capture(foreign, held, captured('planted'))).toBe('fenced')
    expect(await stores.leases.settle(foreign, held.fence, dead, eventAbout(foreign, 'token_refreshed'))).toBe('fenced')
    await stores.leases.release(foreign, held.fence, back)
    expect(await stores.leases.view(key, false)).toMatchObject({ isLeased: true, version: 1, status: 'active' })
  })
})

describe('giving the lease back', () => {
  test('keeps the doubt, the pause and the failures', async () => {
    const key = await givenActive(stores)
    for (let failure = 1; failure <= 2; failure++) {
      const lease = await stores.leases.acquire(key, wish)
      const how = { attempt: 'in_doubt', backoffMs: 60_000, error: 'timeout', countsAsFailure: true } as const
      await stores.leases.release(key, lease?.fence ?? 0, how)
      const row = await stores.leases.view(key, false)
      expect(row).toMatchObject({ isLeased: false, attempt: 'in_doubt' })
      expect(row?.backoffMs).toBeGreaterThan(55_000)
      expect(await other.acquire(key, wish)).toBeUndefined() // not before the pause is over
      await age(key, 'backoff_until', 1)
    }
    expect(await other.acquire(key, wish)).toEqual({ fence: 3, previous: 'in_doubt', failCount: 2 })
  })

  test('by one whose fence has moved on changes nothing', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    await age(key, 'lease_until', 1)
    await other.acquire(key, wish)
    await stores.leases.release(key, 1, back)
    expect(await stores.leases.view(key, false)).toMatchObject({ isLeased: true, fence: 2, attempt: 'sent' })
  })

  test('never forgets that a stored answer waits for its judge', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    await stores.leases.capture(key, { fence: 1, version: 1 }, captured('second'))
    await stores.leases.release(key, 1, back)
    expect(await stores.leases.view(key, false)).toMatchObject({ isLeased: false, attempt: 'captured', version: 2 })
    expect(await other.acquire(key, { ...wish, version: 2 })).toMatchObject({ previous: 'captured' })
    expect(await stores.connections.readCredentials(key)).toMatchObject({ attempt: 'captured' })
  })
})

describe('capture', () => {
  const held = { fence: 1, version: 1 }
  const complete = (key: ConnectionKey, of: typeof held, text: string) =>
    stores.leases.complete(key, of, captured(text), well, eventAbout(key, 'token_refreshed'))

  test('stores the answer as the next version, not yet judged', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    expect(await stores.leases.capture(key, held, captured('second', 1_900_000_000_000))).toBe('stored')
    expect(await stores.leases.view(key, false)).toMatchObject({
      version: 2,
      attempt: 'captured',
      expiresAtMs: 1_900_000_000_000,
      sealedCredentials: captured('second').sealed,
      isLeased: true,
    })
  })

  test('under an old fence changes nothing (fault 35)', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    await age(key, 'lease_until', 1)
    await other.acquire(key, wish)
    const before = await rowOf(key)
    expect(await stores.leases.capture(key, held, captured('stale'))).toBe('fenced')
    expect(await rowOf(key)).toEqual(before)
  })

  test('repeated is stored once', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => stores.leases.capture(key, held, captured('second'))),
    )
    outcomes.push(await stores.leases.capture(key, held, captured('second')))
    expect(outcomes).toEqual(Array(6).fill('stored'))
    expect(await stores.leases.view(key, false)).toMatchObject({ version: 2 })
  })

  test('that ends the refresh is one step: a new version, judged, the lease free and the failures forgotten', async () => {
    const key = await givenActive(stores)
    await stores.sql('update connections set fail_count = 3 where id = $1', [key.connectionId])
    await stores.leases.acquire(key, wish)
    expect(await complete(key, held, 'second')).toBe('settled')
    const sealedCredentials = captured('second').sealed
    const ended = { version: 2, attempt: 'idle', isLeased: false, backoffMs: 0, sealedCredentials }
    expect(await stores.leases.view(key, false)).toMatchObject(ended)
    expect(await other.acquire(key, { ...wish, version: 2 })).toEqual({ fence: 2, previous: 'idle', failCount: 0 })
  })

  test('that ends the refresh under an old fence changes nothing, and repeated it ends it once', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    const leased = await rowOf(key)
    expect(await complete(key, { ...held, fence: 0 }, 'stale')).toBe('fenced')
    expect(await rowOf(key)).toEqual(leased)
    expect(await complete(key, held, 'second')).toBe('settled')
    const ended = await rowOf(key)
    expect(await complete(key, held, 'second')).toBe('settled')
    expect(await rowOf(key)).toEqual(ended)
    const audited = `select 1 from audit_events where connection_id = $1 and event_type = 'token_refreshed'`
    expect(await stores.sql(audited, [key.connectionId])).toHaveLength(1)
  })

  test('settled, the lease is free and the failures are forgotten', async () => {
    const key = await givenActive(stores)
    await stores.sql('update connections set fail_count = 3 where id = $1', [key.connectionId])
    await stores.leases.acquire(key, wish)
    await stores.leases.capture(key, held, captured('second'))
    expect(await stores.leases.settle(key, 1, well, eventAbout(key, 'token_refreshed'))).toBe('settled')
    expect(await other.acquire(key, { ...wish, version: 2 })).toEqual({ fence: 2, previous: 'idle', failCount: 0 })
  })

  test('settled in doubt, the doubt and the pause stay with the row', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    await stores.leases.capture(key, held, captured('second'))
    await stores.leases.settle(
      key,
      1,
      { reason: undefined, attempt: 'in_doubt', backoffMs: 60_000 },
      eventAbout(key, 'token_refreshed'),
    )
    const row = await stores.leases.view(key, false)
    expect(row).toMatchObject({ status: 'active', isLeased: false, attempt: 'in_doubt' })
    expect(row?.backoffMs).toBeGreaterThan(55_000)
    expect(await other.acquire(key, { ...wish, version: 2 })).toBeUndefined()
    await age(key, 'backoff_until', 1)
    expect(await other.acquire(key, { ...wish, version: 2 })).toMatchObject({ previous: 'in_doubt' })
  })

  test('settled with a reason, a person has to act and no further lease is given', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    expect(await stores.leases.settle(key, 1, dead, eventAbout(key, 'token_refreshed'))).toBe('settled')
    expect(await stores.connections.view(key)).toMatchObject({ status: 'attention', reason: 'revoked' })
    expect(await other.acquire(key, wish)).toBeUndefined()
  })

  test('settling cannot revive a connection that was revoked meanwhile', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    await stores.sql(`update connections set status = 'revoked', reason = 'disconnected' where id = $1`, [
      key.connectionId,
    ])
    await stores.leases.settle(key, 1, { ...dead, reason: 'lost_rotation' }, eventAbout(key, 'token_refreshed'))
    expect(await stores.connections.view(key)).toMatchObject({ status: 'revoked', reason: 'disconnected' })
  })
})

describe('an answer that came too late', () => {
  test('is kept, found by the next holder, and adopted once', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    await age(key, 'lease_until', 1)
    await other.acquire(key, wish)
    for (let twice = 0; twice < 2; twice++) await stores.leases.fileOrphan(key, 1, captured('late', 1_900_000_000_000))
    const orphan = { fence: 1, sealed: captured('late').sealed, expiresAtMs: 1_900_000_000_000 }
    expect(await other.findOrphan(key, 2)).toEqual(orphan)
    expect(await other.findOrphan({ ...key, tenantId: 'other' }, 2)).toBeUndefined()
    expect(await other.findOrphan(key, 1)).toBeUndefined() // not from the future
    await other.markAdopted(key, 1)
    expect(await other.findOrphan(key, 2)).toBeUndefined()
  })

  test('is not adopted over a newer generation', async () => {
    const key = await givenActive(stores)
    await stores.leases.acquire(key, wish)
    await age(key, 'lease_until', 1)
    await other.acquire(key, wish)
    await other.capture(key, { fence: 2, version: 1 }, captured('newer'))
    await other.settle(key, 2, well, eventAbout(key, 'token_refreshed'))
    await stores.leases.fileOrphan(key, 1, captured('late'))
    await other.acquire(key, { ...wish, version: 2 })
    expect(await other.findOrphan(key, 3)).toBeUndefined()
  })
})
