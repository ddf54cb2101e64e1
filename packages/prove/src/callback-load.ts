import { Pool } from 'undici'
import type { Callback } from './give-consent.js'

// Owns browsers that come back from the provider several times at once: impatient reloads, prefetching, a second tab.

export type CallbackPlan = {
  brokers: readonly string[]
  /** One entry per consent. */
  callbacks: readonly Callback[]
  /** How often each comes back, spread over the brokers, all at the same time. */
  times: number
  /** Consents that come back at the same time. */
  atOnce: number
}

/** What became of each consent: how many of its callbacks ended how. */
export type CallbackReport = Record<string, number>[]

export async function sendCallbacks(plan: CallbackPlan): Promise<CallbackReport> {
  const pools = plan.brokers.map((origin) => new Pool(origin, { connections: 64, pipelining: 1 }))
  const reports: CallbackReport = plan.callbacks.map(() => ({}))
  let next = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < plan.callbacks.length; index = next++) {
      const { path, cookie } = plan.callbacks[index] ?? { path: '/', cookie: '' }
      const arrivals = Array.from({ length: plan.times }, async (_, time) => {
        const ending = await comeBack(pools[(index + time) % pools.length], path, cookie)
        const report = reports[index] ?? {}
        report[ending] = (report[ending] ?? 0) + 1
      })
      await Promise.all(arrivals)
    }
  }
  await Promise.all(Array.from({ length: plan.atOnce }, work))
  await Promise.all(pools.map((pool) => pool.destroy()))
  return reports
}

async function comeBack(pool: Pool | undefined, path: string, cookie: string): Promise<string> {
  if (pool === undefined) return 'no broker'
  const { statusCode, headers, body } = await pool.request({ method: 'GET', path, headers: { cookie } })
  await body.dump()
  const location = headers['location']
  if (statusCode !== 302 || typeof location !== 'string') return String(statusCode)
  return new URL(location).searchParams.get('status') ?? 'redirect without status'
}
