import type { CallbackPlan, CallbackReport } from '../callback-load.js'
import { giveConsent } from '../give-consent.js'
import { exactly, type Finding, none, type Proof, shown } from '../proof.js'
import type { Stage } from '../stage.js'

// R9: browsers come back from the provider several times at once, at different replicas.

const timesEach = 8

export const callbackRaces: Proof = {
  id: 'R9',
  title: 'callback races',
  goal: '10,000 parallel callbacks of 1,250 consents at 4 replicas: one exchange and one success per consent, 0 state regressions',
  deadlineMinutes: 8,
  async run(run) {
    const stage = await run.openStage(4)
    const provider = await stage.addProvider({
      name: 'consents',
      graceMs: 0,
      accessTokenSeconds: 3_600,
      latency: { meanMs: 80 },
    })
    const count = run.scaled(1_250, 25)
    let done = 0
    run.show(() => Promise.resolve(`${done} of ${count} consents given`))
    const callbacks: CallbackPlan['callbacks'][number][] = []
    const give = async (): Promise<void> => {
      while (done < count) {
        const turn = done++
        const { urls } = stage.fleet
        callbacks.push(await giveConsent(urls[turn % urls.length] ?? '', provider.id, turn))
      }
    }
    await Promise.all(Array.from({ length: 16 }, give))
    run.show(async () => `${(await stage.provider.exchanges('consents')).size} of ${count} codes exchanged`)
    const startedAtMs = performance.now()
    const reports = await stage.load.callbacks({ brokers: stage.fleet.urls, callbacks, times: timesEach, atOnce: 16 })
    const seconds = Math.round((performance.now() - startedAtMs) / 100) / 10
    return [...(await judge(stage, reports, count)), shown('duration', `${seconds} s`)]
  },
}

async function judge(stage: Stage, reports: CallbackReport, count: number): Promise<Finding[]> {
  const endings: Record<string, number> = {}
  for (const report of reports)
    for (const [ending, times] of Object.entries(report)) endings[ending] = (endings[ending] ?? 0) + times
  const { success = 0, '409': refused = 0, ...otherwise } = endings
  const exchanges = [...(await stage.provider.exchanges('consents')).values()]
  const connections = await stage.database.rows<{ status: string; version: string }>(
    'select status, version from connections',
  )
  return [
    exactly('callbacks', count * timesEach, success + refused + Object.values(otherwise).reduce((a, b) => a + b, 0)),
    exactly('codes exchanged', count, exchanges.length),
    exactly('codes exchanged more than once', 0, exchanges.filter((times) => times > 1).length),
    exactly('consents with exactly one success', count, reports.filter((each) => each['success'] === 1).length),
    exactly('callbacks told that the consent was used', count * (timesEach - 1), refused),
    none('callbacks that ended otherwise', otherwise),
    exactly('active connections, stored once', count, connections.filter(isFirst).length),
    exactly('connections in any other state', 0, connections.filter((each) => !isFirst(each)).length),
  ]
}

const isFirst = ({ status, version }: { status: string; version: string }): boolean =>
  status === 'active' && version === '1'
