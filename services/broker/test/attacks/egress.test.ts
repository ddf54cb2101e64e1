import { Resolver } from 'node:dns/promises'
import { type LabDns, type ProviderLab, startLabDns, startProviderLab } from 'dromos-lab'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { accepted, login, rejected } from '../conformance/outcome.js'
import { connected, readTokenOf } from '../harness/person.js'
import { type MoreProviders, startMoreProviders } from '../harness/more-providers.js'
import { startTestBroker, type TestBroker } from '../harness/test-broker.js'

// The network between broker and provider is the attacker's: names that change their mind, broken TLS, answers that drip.
// 127.0.0.1, where the lab listens, is private here; 127.0.0.2, where nobody listens, stands for the public network.

let lab: ProviderLab
let dns: LabDns
beforeAll(async () => {
  ;[lab, dns] = await Promise.all([startProviderLab({ tls: true }), startLabDns()])
})
afterAll(() => Promise.all([lab.close(), dns.close()]))

const throughLabDns = (): ((name: string) => Promise<string[]>) => {
  const resolver = new Resolver({ timeout: 2_000, tries: 1 })
  resolver.setServers([`127.0.0.1:${dns.port}`])
  return async (name) => {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  }
}

type World = { broker: TestBroker; providers: MoreProviders; close(): Promise<void> }

async function startWorld(reachable: string): Promise<World> {
  const broker = await startTestBroker({
    environment: { EGRESS_ALLOW_PRIVATE_NETWORKS: reachable },
    egress: {
      resolve: throughLabDns(),
      certificateAuthorities: lab.caCertificate === undefined ? [] : [lab.caCertificate],
      limits: { connectMs: 1_500, totalMs: 3_000 },
    },
  })
  const providers = await startMoreProviders(broker, lab)
  return { broker, providers, close: () => broker.close() }
}

/** A provider of the lab whose token endpoint is at another origin. */
async function withTokenEndpointAt({ providers }: World, origin: string): Promise<TestBroker> {
  const op = await providers.add({ endpoints: 'explicit' })
  const { pathname } = new URL(op.provider.tokenEndpoint)
  const answer = await op.call('PATCH', `/providers/${op.providerId}`, { body: { token_url: `${origin}${pathname}` } })
  if (answer.status !== 200) throw new Error(`not moved: ${answer.status} ${answer.text}`)
  return op
}

/** The code the audit keeps of a failed exchange. */
async function exchangeError(op: TestBroker, connectionId: string): Promise<unknown> {
  const [row] = await op.query<{ error: string }>(
    `select event_data ->> 'error' as error from audit_events
     where connection_id = $1 and event_type = 'token_exchange_failed'`,
    [connectionId],
  )
  return row?.error
}

const unsent = (connectionId: string) => {
  const outcome = rejected(connectionId, 'token_exchange_failed', 'token_exchange_failed')
  return { ...outcome, calls: { ...outcome.calls, token: 0 } }
}

describe('a name that leads inside', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld('127.0.0.2/32')
  })
  afterAll(() => world.close())

  const labPort = () => new URL(lab.url).port
  const askedFor = (name: string) => dns.queries().filter((each) => each === name).length

  test('a name that is public when it is judged and private a moment later gets no connection (A34)', async () => {
    dns.answers('rebind.test', [['127.0.0.2'], ['127.0.0.1']])
    const op = await withTokenEndpointAt(world, `https://rebind.test:${labPort()}`)
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(unsent(connectionId))
    // One question for each family: the socket was pinned to what was judged and asked no second time.
    expect(askedFor('rebind.test')).toBe(2)
    expect(await exchangeError(op, connectionId)).toMatch(/^connect_(failed|timeout)$/)

    const again = await login(op)
    expect(again.outcome).toEqual(unsent(again.connectionId))
    expect(await exchangeError(op, again.connectionId)).toBe('address_refused')
  })

  test('the socket goes to the address that was judged, whatever the system says of the name (A34)', async () => {
    // The system knows localhost as the private address; our resolver, asked once, says the public one.
    dns.answers('localhost', [['127.0.0.2']])
    const op = await withTokenEndpointAt(world, `https://localhost:${labPort()}`)
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(unsent(connectionId))
    expect(await exchangeError(op, connectionId)).toMatch(/^connect_(failed|timeout)$/)
  })

  test.each([
    ['a public and a private address', ['127.0.0.2', '127.0.0.1']],
    ['a public IPv4 and a private IPv6 address', ['127.0.0.2', 'fd00::1']],
    ['a private address mapped into IPv6', ['::ffff:127.0.0.1']],
    ['the address of cloud metadata', ['169.254.169.254']],
  ])('%s under one name are refused together (A34)', async (_what, addresses) => {
    dns.answers('mixed.test', [addresses])
    const op = await withTokenEndpointAt(world, `https://mixed.test:${labPort()}`)
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(unsent(connectionId))
    expect(await exchangeError(op, connectionId)).toBe('address_refused')
    const [refused] = await op.query(
      "select 1 from audit_events where event_type = 'egress_refused' and event_data ->> 'host' = 'mixed.test'",
    )
    expect(refused).toBeDefined()
  })

  test('a name that does not exist is a failure and no refusal (A34)', async () => {
    const op = await withTokenEndpointAt(world, `https://nowhere.test:${labPort()}`)
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(unsent(connectionId))
    expect(await exchangeError(op, connectionId)).toBe('dns_failed')
  })
})

describe('broken below HTTP', () => {
  let world: World
  beforeAll(async () => {
    dns.answers('op.test', [['127.0.0.1']])
    world = await startWorld('127.0.0.0/8')
  })
  afterAll(() => world.close())

  test('a name that leads to the right place with a right certificate works', async () => {
    const op = await withTokenEndpointAt(world, `https://op.test:${new URL(lab.url).port}`)
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual({ ...accepted(op, connectionId), calls: { token: 1, userinfo: 0, api: 0, attacker: 0 } })
  })

  test.each([
    ['expired', 'tls_expired'],
    ['wrong_host', 'tls_wrong_host'],
    ['self_signed', 'tls_untrusted'],
    ['old_protocol', 'tls_protocol'],
    ['silent', 'connect_timeout'],
  ] as const)('TLS that is %s: the code of the failure is %s and no secret was sent (A38)', async (fault, error) => {
    const op = await withTokenEndpointAt(world, lab.createProvider().tlsFaultUrls[fault] ?? '')
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(unsent(connectionId))
    expect(await exchangeError(op, connectionId)).toBe(error)
  })

  test('metadata that moves the token endpoint behind a bad certificate is no way in either (A38)', async () => {
    const op = await world.providers.add()
    op.provider.turnOn('tok.tls_bad', { value: 'self_signed' })
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(unsent(connectionId))
  })

  test.each([
    ['tok.drip_headers', 'answer_timeout', '(A43)'],
    ['tok.drip_body', 'answer_timeout', '(A43)'],
    ['tok.endless_chunks', 'answer_timeout', '(A43)'],
    ['tok.hang_headers', 'answer_timeout', '(A43)'],
    ['tok.garbage', 'not_http', '(A44)'],
    ['tok.half_close', 'connection_lost', '(A44)'],
    ['tok.cl_and_te', 'connection_lost', '(A44)'],
    ['tok.huge_header', 'headers_too_large', '(A44)'],
  ] as const)('%s ends by our own deadline or cap as %s %s', async (name, error, _row) => {
    const op = await world.providers.add()
    // The pause between two bytes is longer than every deadline of this broker.
    op.provider.turnOn(name, { value: name === 'tok.huge_header' ? undefined : 60_000 })
    const { connectionId, outcome } = await login(op)
    const given = rejected(connectionId, 'token_exchange_failed', 'token_exchange_failed')
    expect(outcome).toEqual(given)
    expect(await exchangeError(op, connectionId)).toBe(error)
  })

  test('rev.hang: a revocation that is never answered ends by our own deadline, serves nothing and is tried again', async () => {
    const op = await world.providers.add()
    const id = await connected(op)
    op.provider.turnOn('rev.hang')
    expect((await op.call('DELETE', `/connections/${id}`)).body).toMatchObject({ status: 'revoking', revocation: null })
    expect((await readTokenOf(op, id)).status).toBe(403)
    expect(op.provider.journal('revocation')).toHaveLength(1)
  })

  test('while one provider drips, a login at another goes through (A43)', async () => {
    const [slow, honest] = [await world.providers.add(), await world.providers.add()]
    slow.provider.turnOn('tok.drip_headers', { value: 60_000 })
    let isSlowOver = false
    const dripping = login(slow).then((ended) => {
      isSlowOver = true
      return ended
    })
    while (slow.provider.journal('token').length === 0) await new Promise((resolve) => setImmediate(resolve))
    const { connectionId, outcome } = await login(honest)
    expect([outcome, isSlowOver]).toEqual([accepted(honest, connectionId), false])
    expect((await dripping).outcome.connection.status).toBe('failed')
  })
})
