import { connect } from 'node:net'
import type { AgentWorld } from '../agent.js'
import type { Known } from '../world.js'
import { type Attacker, mustBeRefused } from './attacker.js'

// Owns attacks by callers: of another tenant, without a key, from elsewhere, with a return URL of their own.

/** The families of the open-redirect lists (A21 to A30), against the allowed app.example.com. */
const evilReturnUrls = [
  'https://app.example.com@evil.example/', 'https://app.example.com:pw@evil.example/', 'https://evil.example\\@app.example.com/',
  'https://app.example.com.evil.example/', 'https://evilapp.example.com/', 'https://app.example.com%2eevil.example/',
  'https://app.example.com%00.evil.example/', 'https://app.example.com\u3002evil.example/', 'javascript:alert(1)',
  'java\nscript:alert(1)', 'data:text/html,x', '//evil.example/', 'https:evil.example', 'https:/evil.example', '/relative',
  'http://app.example.com/', 'https://app.example.com:8443/', 'https://app.example.com/\r\nSet-Cookie: a=b', ' https://app.example.com/',
  'https://app.example.com\t.evil.example/', 'https://[::1]/', 'https://evil.example/?https://app.example.com/',
  'https://evil.example#app.example.com', 'ftp://app.example.com/', `https://app.example.com/${'a'.repeat(3_000)}`, '',
] // prettier-ignore

const openRedirect: Attacker = {
  tries: 'return URLs that look like the allowed one (A21 to A30)',
  async attack(world) {
    const { cast, dice, http } = world
    const tenant = dice.pick(world.world.tenants)
    const json = { user_id: 'mallory', provider_name: 'stable', return_url: dice.pick(evilReturnUrls) }
    const answer = await http.send({
      url: `${dice.pick(cast.gateways)?.url}/v1/request-connection`,
      key: tenant?.key ?? '',
      json,
    })
    const refusals = ['400 return_url_not_allowed', '400 invalid_request', '400 missing_fields']
    mustBeRefused(world, `the return URL ${json.return_url?.slice(0, 60)}`, answer, ...refusals)
  },
}

function victimOf({ world, dice }: AgentWorld): { victim: Known; thiefKey: string } | undefined {
  const victim = dice.pick(world.all())
  const thief = world.tenants.find((tenant) => tenant !== victim?.tenant)
  return victim === undefined || thief === undefined ? undefined : { victim, thiefKey: thief.key }
}

const foreignTenant: Attacker = {
  tries: "another tenant's connection on every route, over HTTP and gRPC (A64, A65)",
  async attack(world) {
    const { cast, dice, http } = world
    const chosen = victimOf(world)
    if (chosen === undefined) return
    const { victim, thiefKey: key } = chosen
    const base = `${dice.pick(cast.gateways)?.url}/v1`
    const at = `${base}/connections/${victim.id}`
    const calls = [
      { url: `${base}/token/${victim.id}` },
      { url: `${base}/check-connection/${victim.id}` },
      { url: at },
      { method: 'POST', url: `${base}/refresh/${victim.id}`, json: {} },
      { method: 'POST', url: `${at}/reconnect`, json: {} },
      { method: 'POST', url: `${at}/step-up`, json: { scopes: ['write'] } },
      { method: 'DELETE', url: at },
      { url: `${cast.front.url}/connections/${victim.id}/token` },
      { url: `${cast.front.url}/connections/${victim.id}` },
    ] as const
    const call = dice.pick(calls)
    if (call === undefined) return
    const got = await http.send({ ...call, key })
    mustBeRefused(world, "a foreign tenant's connection", got, '404 connection_not_found')
    await overGrpc(world, victim)
  },
}

async function overGrpc(world: AgentWorld, { id, tenant }: Known): Promise<void> {
  const thief = world.world.tenants.find((each) => each !== tenant)
  const caller = thief && world.dice.pick(world.grpc.get(thief) ?? [])
  const token = await caller?.ask('GetToken', (edge) => edge.getToken(id))
  if (token !== undefined) world.cast.recorder.violated("not refused: a foreign tenant's connection", 'gRPC GetToken')
}

const badKeys = [
  '',
  'x',
  'dk_0123456789abcdef_wrong',
  'dk_',
  'null',
  'undefined',
  "' or 1=1 --",
  'a'.repeat(600),
  'prove-0000000000000000',
]
const keyRefusals = ['401 missing_api_key', '403 invalid_api_key', '400 invalid_request']

const badKey: Attacker = {
  tries: 'wrong, missing, doubled keys, and keys in the URL (A62, A63)',
  async attack(world) {
    const { cast, dice, http } = world
    const id = dice.pick(world.world.all())?.id ?? 'cn_00000000000000000000000000000000'
    const places = [`${dice.pick(cast.gateways)?.url}/v1/token/${id}`, `${cast.front.url}/connections/${id}/token`]
    const url = dice.pick(places) ?? ''
    const key = dice.pick(badKeys) ?? ''
    mustBeRefused(world, 'a bad key', await http.send({ url, key }), ...keyRefusals)
    mustBeRefused(world, 'no key', await http.send({ url }), '401 missing_api_key')
    const real = dice.pick(world.world.tenants)?.key ?? ''
    mustBeRefused(world, 'a key in the URL', await http.send({ url: `${url}?api_key=${real}` }), ...keyRefusals)
    const two = { authorization: `Bearer dk_0123456789abcdef_wrong`, 'x-api-key': real }
    mustBeRefused(world, 'two keys', await http.send({ url, headers: two }), '400 invalid_request')
    const registers = await http.send({
      url: `${cast.front.url}/providers`,
      key: real,
      json: { profile: { name: 'mine' } },
    })
    mustBeRefused(world, "an agent's provider", registers, '403 access_denied')
  },
}

const forwardedFor: Attacker = {
  tries: 'an address that is not allowed, with X-Forwarded-For of one that is (A61)',
  async attack(world) {
    const { cast, dice } = world
    const broker = dice.pick(cast.fleet.running())
    const key = dice.pick(world.world.tenants)?.key ?? ''
    if (broker === undefined) return
    const answer = await fromElsewhere(Number(new URL(broker.url).port), [
      'GET /connections HTTP/1.1', 'Host: broker', `X-API-Key: ${key}`, 'X-Forwarded-For: 127.0.0.1', 'X-Real-IP: 127.0.0.1',
      'Forwarded: for=127.0.0.1', 'Connection: close', '', '',
    ]) // prettier-ignore
    if (answer === '') return
    if (!/^HTTP\/1\.1 (403|503) /.test(answer)) cast.recorder.violated('not refused: a forged address', answer)
  },
}

/** A loopback address that is not 127.0.0.1: Linux has all of them. Empty when there is none, or nobody listens. */
function fromElsewhere(port: number, lines: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' })
    let received = ''
    socket.setTimeout(10_000, () => socket.destroy())
    socket.on('data', (bytes) => (received += bytes.toString('latin1')))
    socket.on('error', () => resolve(''))
    socket.on('close', () => resolve(received))
    socket.write(lines.join('\r\n'))
  })
}

export const callerAttackers: readonly Attacker[] = [openRedirect, foreignTenant, badKey, forwardedFor]
