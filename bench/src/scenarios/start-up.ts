import { setTimeout as pause } from 'node:timers/promises'
import { addConnections, addProvider } from '../connections.js'
import { productReads } from '../contenders.js'
import { below, shown } from '../findings.js'
import { startPair, type Pair } from '../pair.js'
import { usageOf, type Watched } from '../processes.js'
import type { Run, Scenario } from '../scenario.js'
import { median } from '../side.js'

const idleMs = 2_000

export const startUp: Scenario = {
  id: 'P7',
  title: 'start-up and memory',
  goal: 'first 200 of /readyz: broker < 700 ms, gateway < 400 ms; resident memory idle < 90 MB each, under P1 load < 160 MB',
  async run(run) {
    const pairs: Pair[] = []
    const starts = run.rounds
    while (pairs.length < starts) {
      pairs.push(await startPair(run))
      run.show(`start ${pairs.length} of ${starts}`)
    }
    const pair = pairs.at(-1)
    if (pair === undefined) throw new Error('nothing was started')
    await pause(idleMs)
    const idle = memoryOf(pair)
    const busy = await memoryUnderLoad(run, pair)
    return {
      sides: [],
      findings: [
        below('broker, start to ready', 700, 'ms', median(pairs.map(({ broker }) => broker.readyAfterMs))),
        below('gateway, start to ready', 400, 'ms', median(pairs.map(({ gateway }) => gateway.readyAfterMs))),
        shown('CPU time of the starts', `broker ${cpuOf(pairs, 'broker')} ms, gateway ${cpuOf(pairs, 'gateway')} ms`),
        ...(['gateway', 'broker'] as const).flatMap((name) => [
          below(`${name}, memory idle`, 90, 'MB', idle[name]),
          below(`${name}, memory under P1 load`, 160, 'MB', busy[name]),
        ]),
      ],
    }
  },
}

const cpuOf = (pairs: readonly Pair[], name: 'broker' | 'gateway'): number =>
  median(pairs.map((pair) => pair[name].readyAfterCpuMs))

async function memoryUnderLoad(run: Run, pair: Pair): Promise<Record<'gateway' | 'broker', number>> {
  const ids = await addConnections(pair, await addProvider(pair), run.rows)
  const { name, plan } = productReads(pair, ids)
  await run.load.prepare(name, plan)
  let [gateway, broker] = [0, 0]
  for (let round = 1; round <= run.rounds; round++) {
    run.show(`load, round ${round} of ${run.rounds}`)
    await run.load.send(name, run.seconds * 1000)
    const now = memoryOf(pair)
    gateway = Math.max(gateway, now.gateway)
    broker = Math.max(broker, now.broker)
  }
  return { gateway, broker }
}

const memoryOf = ({ gateway, broker }: Pair) => ({ gateway: residentMb(gateway), broker: residentMb(broker) })

const residentMb = (process: Watched): number => usageOf(process)?.rssMb ?? NaN
