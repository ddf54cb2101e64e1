import { createHash, randomBytes } from 'node:crypto'
import { giveConsent, type Registration } from '@dromos/prove'
import { request } from 'undici'
import { compare, type Contender } from '../compare.js'
import { allGood, atLeast, cpuRatio } from '../findings.js'
import { type Lab, startLab } from '../lab.js'
import type { HttpPlan, HttpRequest } from '../load/http-load.js'
import { gatherStatistics, type Pair, processesOf, startPair } from '../pair.js'
import { agents, type Run, type Scenario } from '../scenario.js'
import { rateOf, ratio } from '../side.js'

export const callback: Scenario = {
  id: 'P4',
  title: "callback with a code exchange, against the provider's own token endpoint",
  goal: 'throughput >= 0.40 x the bare token endpoint of the provider lab',
  async run(run) {
    const pair = await startPair(run, { broker: { ALLOWED_RETURN_DOMAINS: 'app.example.com' } })
    const lab = await startLab(run, pair, { latency: { meanMs: 0 } })
    const sides = await compare(run, [exchanges(run, lab), callbacks(run, pair, lab)])
    const [bare, product] = sides
    if (bare === undefined || product === undefined) throw new Error('nothing was measured')
    return {
      sides,
      findings: [
        atLeast('throughput / token endpoint', 0.4, ratio(product, bare, rateOf)),
        allGood(sides),
        cpuRatio(bare, product),
      ],
    }
  },
}

const preparedAtOnce = 16
/** A window ends with the last one: a code is good for one exchange. */
const perWindow = ({ seconds }: Run): number => Math.min(Math.max(Math.round(seconds * 900), 20), 4_500)

const once = (port: number, requests: readonly HttpRequest[]): HttpPlan => ({
  kind: 'http',
  host: '127.0.0.1',
  ports: [port],
  connections: agents,
  requests,
  order: 'once',
  expects: 200,
})

/** What a careless client would do: present the code, look at nothing. */
function exchanges(run: Run, { registration, provider }: Lab): Contender {
  const port = Number(new URL(registration.tokenEndpoint).port)
  return {
    name: 'lab',
    plan: async () => once(port, await prepared(perWindow(run), () => exchangeOf(registration))),
    processes: [{ name: 'lab', pid: provider.pid }],
  }
}

function callbacks(run: Run, pair: Pair, { providerId, provider }: Lab): Contender {
  const give = async (turn: number): Promise<HttpRequest> => {
    const { path, cookie } = await giveConsent(pair.brokerUrl, providerId, turn)
    return { method: 'GET', path, headers: { cookie } }
  }
  return {
    name: 'Dromos',
    plan: async () => ({
      ...once(pair.ports.broker, await prepared(perWindow(run), give)),
      expects: 302,
      location: 'status=success',
    }),
    settle: () => gatherStatistics(pair),
    processes: [{ name: 'lab', pid: provider.pid }, ...processesOf(pair).filter(({ name }) => name !== 'gateway')],
  }
}

async function prepared(count: number, prepare: (turn: number) => Promise<HttpRequest>): Promise<HttpRequest[]> {
  const requests: HttpRequest[] = []
  let turn = 0
  const work = async (): Promise<void> => {
    while (turn < count) requests.push(await prepare(turn++))
  }
  await Promise.all(Array.from({ length: preparedAtOnce }, work))
  return requests
}

const redirectUri = 'https://app.example.com/callback'

/** A person agrees; the request that exchanges the code (RFC 6749 section 4.1.3, RFC 7636 section 4.5). */
async function exchangeOf({ authorizationEndpoint, tokenEndpoint, ...client }: Registration): Promise<HttpRequest> {
  const verifier = randomBytes(32).toString('base64url')
  const url = new URL(authorizationEndpoint)
  const query = {
    response_type: 'code',
    client_id: client.clientId,
    redirect_uri: redirectUri,
    scope: 'openid',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const { headers, body } = await request(url, { method: 'GET' })
  await body.dump()
  const code = new URL(String(headers.location)).searchParams.get('code') ?? ''
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
    client_id: client.clientId,
    client_secret: client.clientSecret,
  })
  return {
    method: 'POST',
    path: new URL(tokenEndpoint).pathname,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  }
}
