import { startProviderLab, type LabProvider, type LabSwitch } from 'dromos-lab'
import { keepLatency, type Latency } from './provider-latency.js'
import { offer } from './rpc.js'

// Owns the provider as a process of its own: what it answers is the lab's, when it answers is the latency's, and what it
// remembers is the judge of every proof.

const lab = await startProviderLab({ seed: 1 })
const providers = new Map<string, LabProvider>()
const latencies = new Map<string, (latency: Latency) => void>()

export type NewProvider = {
  name: string
  /** 0 = strict: the predecessor of a rotated refresh token is dead at once, and its use ends the grant. */
  graceMs: number
  accessTokenSeconds: number
  latency: Latency
}

export type Registration = {
  clientId: string
  clientSecret: string
  issuer: string
  authorizationEndpoint: string
  tokenEndpoint: string
  jwksUri: string
}

/** One presentation of a refresh token, from the journal. */
export type Presentation = {
  atMs: number
  refreshToken: string
  status: number | undefined
  /** The redirect URI that came along: it names the process that presented it. */
  from: string
}

const find = (name: string): LabProvider => {
  const provider = providers.get(name)
  if (provider === undefined) throw new Error(`no provider ${name}`)
  return provider
}

const functions = {
  create({ name, graceMs, accessTokenSeconds, latency }: NewProvider): Registration {
    const provider = lab.createProvider({ refresh: { mode: 'rotating', graceMs }, accessTokenSeconds })
    providers.set(name, provider)
    latencies.set(name, keepLatency(provider, latency))
    const { clientId, clientSecret, issuer, authorizationEndpoint, tokenEndpoint, jwksUri } = provider
    return { clientId, clientSecret, issuer, authorizationEndpoint, tokenEndpoint, jwksUri }
  },
  setLatency: (name: string, latency: Latency) => latencies.get(name)?.(latency),
  turnOn: (name: string, what: LabSwitch) => find(name).turnOn(what),
  /** A live grant for each subject, without a browser. */
  issue: (name: string, subjects: readonly string[]) =>
    subjects.map((subject) => ({ subject, ...find(name).issue({ subject, scope: 'api' }) })),
  families: (name: string) => find(name).oracle().families,
  counts(name: string) {
    const { refreshes, reuseCount } = find(name).oracle()
    return { refreshes, reuses: reuseCount }
  },
  presentations: (name: string): Presentation[] =>
    find(name)
      .journal('token')
      .filter(({ form }) => form['grant_type'] === 'refresh_token')
      .map(({ at, form, answered }) => ({
        atMs: at,
        refreshToken: form['refresh_token'] ?? '',
        status: answered?.status,
        from: form['redirect_uri'] ?? '',
      })),
  /** How often each authorization code was presented. */
  exchanges(name: string): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { form } of find(name).journal('token')) {
      if (form['grant_type'] !== 'authorization_code') continue
      const code = form['code'] ?? ''
      counts.set(code, (counts.get(code) ?? 0) + 1)
    }
    return counts
  },
}

export type ProviderFunctions = typeof functions

offer(process, functions)
