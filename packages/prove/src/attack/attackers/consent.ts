import { type AgentWorld, askedIn } from '../agent.js'
import { createPerson, type Person, resultOf } from '../person.js'
import { providerKinds } from '../providers.js'
import { type Attacker, mustBeRefused } from './attacker.js'

// Owns attacks on the way of a consent (A1 to A12).

type Under = { person: Person; callback: string; connectionId: string }

/** A consent whose person stands before our callback. Undefined when a provider's misbehaviour came in between. */
async function underWay(world: AgentWorld): Promise<Under | undefined> {
  const { cast, dice, http } = world
  const [tenant, kind] = [dice.pick(world.world.tenants), dice.pick(providerKinds)]
  if (tenant === undefined || kind === undefined) return undefined
  const subject = world.world.newSubject(tenant)
  const json = { user_id: subject, provider_name: kind.name, return_url: `${cast.returnOrigin}/attacked` }
  const url = `${dice.pick(cast.gateways)?.url}/v1/request-connection`
  const asked = askedIn(await http.send({ url, key: tenant.key, json }))
  if (asked === undefined) return undefined
  const person = createPerson({ ...cast, http })
  const page = await person.open(asked.authUrl)
  const callback = page && (await cast.lab.approve(kind.name, page, subject).catch(() => undefined))
  return callback === undefined ? undefined : { person, callback, connectionId: asked.id }
}

const parallelCallbacks: Attacker = {
  tries: 'the same callback eight times at once, then once more (A1, A2)',
  async attack(world) {
    const flow = await underWay(world)
    if (flow === undefined) return
    const answers = await Promise.all(Array.from({ length: 8 }, () => flow.person.comeBack(flow.callback)))
    const successes = answers.filter((answer) => resultOf(answer) === 'success').length
    if (successes > 1) world.cast.recorder.violated('one consent, several successes', String(successes))
    const replay = await flow.person.comeBack(flow.callback)
    if (resultOf(replay) === 'success') world.cast.recorder.violated('a replayed state succeeded', 'success')
  },
}

/** Ways to spoil a state. What is spoiled may belong to nobody. */
const spoilers: readonly ((state: string) => string)[] = [
  (state) => state.slice(0, -1),
  (state) => `${state}A`,
  (state) => state.slice(0, Math.floor(state.length / 2)),
  (state) => state.split('.')[0] ?? '',
  (state) => `${state}.${state}`,
  (state) => state.replace(/^./, (first) => (first === 'e' ? 'f' : 'e')),
  (state) => [...state].reverse().join(''),
  () => 'A'.repeat(4_000),
  () => 'eyJub25jZSI6ImNuXzAifQ.AAAA',
  () => '\u0000\u0007',
]

const tamperedState: Attacker = {
  tries: 'states that are cut, longer, turned round, made up or endless (A3)',
  async attack(world) {
    const flow = await underWay(world)
    if (flow === undefined) return
    const spoil = world.dice.pick(spoilers) ?? String
    const url = new URL(flow.callback)
    const state = url.searchParams.get('state')
    if (state === null) return
    url.searchParams.set('state', spoil(state))
    mustBeRefused(
      world,
      'a tampered state',
      await flow.person.comeBack(url.href),
      '400 invalid_state',
      '400 missing_params', // the provider had left out the code, too
      '400 invalid_request',
    )
  },
}

const foreignState: Attacker = {
  tries: 'the state of one consent with the code of another (A4, A7)',
  async attack(world) {
    const [mine, theirs] = [await underWay(world), await underWay(world)]
    if (mine === undefined || theirs === undefined) return
    const url = new URL(theirs.callback)
    url.searchParams.set('code', new URL(mine.callback).searchParams.get('code') ?? 'none')
    // In my browser: it did not open the link that this state belongs to.
    const answer = await mine.person.comeBack(url.href)
    mustBeRefused(world, 'a state of another browser', answer, ...strangers)
  },
}

const strangers = [
  '403 wrong_browser',
  '400 invalid_state',
  '400 missing_params',
  '400 issuer_mismatch',
  '400 invalid_request',
]

const wrongBrowser: Attacker = {
  tries: 'a stolen callback in a browser that did not start the consent (A4)',
  async attack(world) {
    const flow = await underWay(world)
    if (flow === undefined) return
    const thief = createPerson({ ...world.cast, http: world.http })
    mustBeRefused(world, 'a callback in another browser', await thief.comeBack(flow.callback), ...strangers)
  },
}

const forgedError: Attacker = {
  tries: 'error callbacks without a state, with a made-up one, with control characters (A10, A11)',
  async attack(world) {
    const { cast, dice, http } = world
    const error = encodeURIComponent('access_denied')
    const texts = [
      '',
      '&error_description=%0d%0aSet-Cookie:%20a=b',
      `&error_description=${'x'.repeat(3_000)}`,
      '&state=made.up',
    ]
    const answer = await http.send({ url: `${cast.front.url}/auth/callback?error=${error}${dice.pick(texts) ?? ''}` })
    mustBeRefused(world, 'a forged error', answer, '400 invalid_state', '400 missing_params', '400 invalid_request')
  },
}

const pollution: Attacker = {
  tries: 'parameters twice, as arrays, by POST (A12, A13)',
  async attack(world) {
    const { cast, dice, http } = world
    const queries = [
      'state=a&state=b&code=c',
      'state[]=a&code=c',
      'state=a.b&code=c&code=d',
      'state=a.b&code[x]=c',
      'state=%00&code=%00',
    ]
    const url = `${cast.front.url}/auth/callback?${dice.pick(queries) ?? ''}`
    mustBeRefused(
      world,
      'polluted parameters',
      await http.send({ url }),
      '400 invalid_request',
      '400 invalid_state',
      '400 missing_params',
    )
    const posted = await http.send({
      method: 'POST',
      url,
      body: 'state=a&code=b',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    mustBeRefused(world, 'a callback by POST', posted, '405 method_not_allowed')
  },
}

export const consentAttackers: readonly Attacker[] = [
  parallelCallbacks,
  tamperedState,
  foreignState,
  wrongBrowser,
  forgedError,
  pollution,
]
