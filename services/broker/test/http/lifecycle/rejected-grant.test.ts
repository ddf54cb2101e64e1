import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { LabSwitch } from 'dromos-lab'
import { approved, comeBack, connected, resultOf } from '../../harness/person.js'
import type { TestBroker } from '../../harness/test-broker.js'
import { eventually } from '../../postgres/eventually.js'
import { disconnect, look, reapproved, reconnected, rejectedGrants, shredded, startRevocableBroker } from './steps.js'

// A grant that a consent brought and nobody will use: revoked at the provider, then shredded.

let broker: TestBroker
beforeEach(async () => {
  broker = await startRevocableBroker()
})
afterEach(() => broker.close())

const alive = () => broker.provider.oracle().families.map((family) => family.alive)
const captured = async (): Promise<number> => (await rejectedGrants(broker)).length

/** A first consent that ends as `name` makes it end. */
async function rejectedBy(name: LabSwitch): Promise<string> {
  broker.provider.turnOn(name)
  const { callbackUrl, cookie, connectionId } = await approved(broker)
  expect(resultOf(await comeBack(broker, callbackUrl, cookie)).status).toBe('error')
  return connectionId
}

async function outcomeIn(id: string): Promise<unknown> {
  const sql = `select event_data from audit_events where connection_id = $1 and event_type = 'connection.grant_revoked'`
  await eventually(async () => (await broker.query(sql, [id])).length === 1)
  return (await broker.query<{ event_data: unknown }>(sql, [id]))[0]?.event_data
}

describe('what a consent brought is revoked at the provider and shredded', () => {
  test.each<LabSwitch>([
    'idt.nonce+1',
    'idt.bad_sig',
    'idt.missing_though_openid',
    'ui.sub_mismatch',
    'tok.crlf_in_token',
  ])('when it is rejected: %s', async (name) => {
    const id = await rejectedBy(name)
    await shredded(broker)
    expect(alive()).toEqual([false])
    expect(await outcomeIn(id)).toMatchObject({ outcome: 'revoked', attempts: 1 })
  })

  test('when the connection was disconnected while the code was being exchanged', async () => {
    const { callbackUrl, cookie, connectionId } = await approved(broker)
    const hold = broker.provider.hold('after-rotate')
    const finishing = comeBack(broker, callbackUrl, cookie)
    await hold.reached
    await disconnect(broker, connectionId)
    hold.release()
    expect(resultOf(await finishing)).toMatchObject({ error: 'disconnected' })
    await shredded(broker)
    expect(alive()).toEqual([false])
  })

  test('when the process died before it could be judged: ten minutes later, by whoever finds it', async () => {
    broker.provider.turnOn('ui.hang')
    const { callbackUrl, cookie } = await approved(broker)
    const finishing = comeBack(broker, callbackUrl, cookie)
    await eventually(async () => (await captured()) === 1)
    const due = `select round(extract(epoch from revoke_after - claimed_at) / 60)::int as minutes from authorization_requests`
    expect(await broker.query(due)).toEqual([{ minutes: 10 }])
    // What a dead process leaves: a captured grant whose time is over.
    await broker.query(`update authorization_requests set revoke_after = now() where sealed_captured is not null`)
    await shredded(broker)
    expect(alive()).toEqual([false])
    // Should the process only have been slow, it comes too late.
    broker.provider.turnOff('ui.hang')
    expect(resultOf(await finishing)).toMatchObject({ status: 'error', error: 'disconnected' })
  }, 30_000)
})

test('a provider that is down is asked again', async () => {
  broker.provider.turnOn('rev.503_retry_after', { mode: 'times', n: 1 })
  const id = await rejectedBy('idt.nonce+1')
  await eventually(async () => broker.provider.journal('revocation').length === 1)
  expect([await captured(), alive()]).toEqual([1, [true]])
  await broker.query('update authorization_requests set revoke_after = now() where revoke_after is not null')
  await shredded(broker)
  expect(alive()).toEqual([false])
  expect(await outcomeIn(id)).toMatchObject({ outcome: 'revoked', attempts: 2 })
})

test('after the last try it is shredded all the same', async () => {
  broker.provider.turnOn('rev.503_retry_after')
  const id = await rejectedBy('idt.nonce+1')
  await broker.query('update authorization_requests set revoke_after = now(), revoke_attempts = 7')
  await shredded(broker)
  expect(await outcomeIn(id)).toMatchObject({ outcome: 'revocation_failed', attempts: 8 })
})

describe('a live connection loses nothing by it', () => {
  test('of the same account: the grant is shredded and not revoked, which might end both', async () => {
    const id = await connected(broker)
    broker.provider.turnOn('ui.sub_mismatch')
    expect(await reconnected(broker, id)).toMatchObject({ error: 'userinfo_invalid' })
    expect(broker.provider.journal('revocation')).toEqual([])
    await shredded(broker)
    expect(await look(broker, id)).toMatchObject({ status: 'active', token_version: 1 })
    expect(await outcomeIn(id)).toMatchObject({ outcome: 'not_needed' })
  })

  test('that was to be renewed by an account nobody could prove', async () => {
    const id = await connected(broker)
    broker.provider.turnOn('idt.bad_sig')
    const { finish, callbackUrl } = await reapproved(broker, id)
    expect(await finish(callbackUrl)).toMatchObject({ error: 'id_token_invalid' })
    expect(broker.provider.journal('revocation')).toEqual([])
    await shredded(broker)
  })
})
