import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { BrokerEvent, EventType } from '../../src/domain/events.js'
import type { ConnectionKey } from '../../src/domain/connection.js'
import {
  authorizationRequest,
  captured,
  eventAbout,
  givenActive,
  givenPending,
  givenProvider,
  nothingKnown,
  startStores,
  type TestStores,
} from './start-stores.js'

// Who may do what changes together with the audit row that tells of it: neither is ever there without the other.

let stores: TestStores

beforeAll(async () => {
  stores = await startStores()
  await stores.sql(`alter table audit_events add constraint nothing_mended check (event_type <> 'restore.doubted')`)
})
afterAll(() => stores.stop())

type Change = {
  key: ConnectionKey
  /** `isRefused`: under a condition that does not hold. */
  make(events: readonly BrokerEvent[], how: { isRefused: boolean }): Promise<boolean>
  /** What it changes. */
  look: string
}

const changes: Readonly<Record<string, () => Promise<Change>>> = {
  async 'a new connection'() {
    const request = authorizationRequest({ providerId: await givenProvider(stores) })
    const { key, workspaceId, providerId, scopes: requestedScopes } = request
    const connection = { key, workspaceId, providerId, createdBy: 'operator', requestedScopes }
    return {
      key,
      make: async ([event], { isRefused }) =>
        (await stores.connections.create(connection, { ...request, openAtMost: isRefused ? 0 : 10 }, givenOne(event)))
          .kind === 'stored',
      look: 'select id from connections where id = $1',
    }
  },

  async 'a consent that fills its connection'() {
    const request = await givenPending(stores)
    return {
      key: request.key,
      async make(events, { isRefused }) {
        const target = await stores.connections.activationTarget(request)
        if (target === undefined) throw new Error('the connection takes nothing')
        const wanted = isRefused ? { ...target, fence: 7 } : target
        return stores.connections.activate(request, wanted, { ...nothingKnown, ...captured() }, events)
      },
      look: 'select status, version, fence from connections where id = $1',
    }
  },

  async 'an answer that ends its refresh'() {
    const key = await givenActive(stores)
    const want = { version: 1, leaseMs: 15_000, takesOver: false, fingerprint: Buffer.alloc(32) }
    const { fence = 0 } = (await stores.leases.acquire(key, want)) ?? {}
    const ending = { attempt: 'idle', backoffMs: 0 } as const
    return {
      key,
      make: async ([event], { isRefused }) => {
        const held = { fence: isRefused ? fence + 1 : fence, version: 1 }
        return (await stores.leases.complete(key, held, captured('next'), ending, givenOne(event))) === 'settled'
      },
      look: 'select version, attempt_state, sealed_credentials from connections where id = $1',
    }
  },

  async 'the end of a refresh'() {
    const key = await givenActive(stores)
    const want = { version: 1, leaseMs: 15_000, takesOver: false, fingerprint: Buffer.alloc(32) }
    const { fence = 0 } = (await stores.leases.acquire(key, want)) ?? {}
    const ending = { reason: 'revoked', attempt: 'idle', backoffMs: 0 } as const
    return {
      key,
      make: async ([event], { isRefused }) =>
        (await stores.leases.settle(key, isRefused ? fence + 1 : fence, ending, givenOne(event))) === 'settled',
      look: 'select status, attempt_state from connections where id = $1',
    }
  },
}

describe.each(Object.keys(changes))('%s', (name) => {
  const given = async () => {
    const change = await changes[name]?.()
    if (change === undefined) throw new Error(`no change ${name}`)
    const look = () => stores.sql(change.look, [change.key.connectionId])
    const audited = () =>
      stores.sql(
        `select event_type, client_id from audit_events where connection_id = $1 and client_id = 'judge' order by id`,
        [change.key.connectionId],
      )
    const told = (type: EventType): BrokerEvent => {
      const event = eventAbout(change.key, type)
      return { ...event, actor: { ...event.actor, clientId: 'judge' } }
    }
    return { change, look, audited, told, before: await look() }
  }

  test('has its audit row when it is answered', async () => {
    const { change, look, audited, told, before } = await given()
    expect(await change.make([told('token_refreshed')], { isRefused: false })).toBe(true)
    expect(await audited()).toEqual([{ event_type: 'token_refreshed', client_id: 'judge' }])
    expect(await look()).not.toEqual(before)
  })

  test('leaves no audit row when it is refused', async () => {
    const { change, look, audited, told, before } = await given()
    expect(await change.make([told('token_refreshed')], { isRefused: true })).toBe(false)
    expect(await audited()).toEqual([])
    expect(await look()).toEqual(before)
  })

  test('is not made when its audit row cannot be written', async () => {
    const { change, look, audited, told, before } = await given()
    await expect(change.make([told('restore.doubted')], { isRefused: false })).rejects.toThrow()
    expect(await audited()).toEqual([])
    expect(await look()).toEqual(before)
  })
})

test('a reconnect has two audit rows, in their order', async () => {
  const request = await givenPending(stores)
  const target = await stores.connections.activationTarget(request)
  if (target === undefined) throw new Error('the connection takes nothing')
  const types = ['connection.reconnected', 'oauth_flow_completed'] as const
  const events = types.map((type) => eventAbout(request.key, type))
  await stores.connections.activate(request, target, { ...nothingKnown, ...captured() }, events)
  const rows = await stores.sql(
    'select event_type from audit_events where connection_id = $1 and event_type = any($2) order by id',
    [request.key.connectionId, types],
  )
  expect(rows.map((row) => row['event_type'])).toEqual(types)
})

function givenOne(event: BrokerEvent | undefined): BrokerEvent {
  if (event === undefined) throw new Error('no event')
  return event
}
