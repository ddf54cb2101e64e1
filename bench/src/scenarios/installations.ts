import { compare, type Contender } from '../compare.js'
import { addConnections, addProvider } from '../connections.js'
import { type HttpContender, productReads } from '../contenders.js'
import { allGood, shownBeside } from '../findings.js'
import { type Changes, startPair } from '../pair.js'
import type { Run, Scenario } from '../scenario.js'

// What the capacity section of docs/operations.md says of settings: the same token reads, one thing changed at a time.

const both = (environment: Record<string, string>): Changes => ({ broker: environment, gateway: environment })

const variants: readonly [name: string, changes: Changes][] = [
  ['as installed', {}],
  ['semi-space 32 MB', both({ NODE_OPTIONS: '--max-semi-space-size=32' })],
  ['semi-space 64 MB', both({ NODE_OPTIONS: '--max-semi-space-size=64' })],
  ['UV_THREADPOOL_SIZE=2', both({ UV_THREADPOOL_SIZE: '2' })],
  ['DATABASE_POOL_SIZE=40', { broker: { DATABASE_POOL_SIZE: '40' } }],
  ['no named statements', { broker: { DATABASE_PREPARED_STATEMENTS: 'false' } }],
  ['AUDIT_READS=strict', { broker: { AUDIT_READS: 'strict' } }],
  ['LOG_LEVEL=warn', both({ LOG_LEVEL: 'warn' })],
]

export const installations: Scenario = {
  id: 'options',
  title: 'token reads under other settings',
  goal: 'none: the numbers are for docs/operations.md',
  isExtra: true,
  async run(run) {
    const contenders: Contender[] = []
    for (const [name, changes] of variants) contenders.push(await readsUnder(run, name, changes))
    contenders.push(await twoOfEach(run))
    const sides = await compare(run, contenders)
    const [installed, ...others] = sides
    if (installed === undefined) throw new Error('nothing was measured')
    return { sides, findings: [...others.map((other) => shownBeside(other, installed)), allGood(sides)] }
  },
}

async function readsUnder(run: Run, name: string, changes: Changes): Promise<HttpContender> {
  const pair = await startPair(run, changes)
  return productReads(pair, await addConnections(pair, await addProvider(pair), run.rows), name)
}

/** What workers of a cluster would do: a second pair of processes on the same cores, each with half of the agents. */
async function twoOfEach(run: Run): Promise<HttpContender> {
  const pair = await startPair(run)
  const { port, processes } = await pair.addReplica()
  const one = productReads(pair, await addConnections(pair, await addProvider(pair), run.rows), 'two of each')
  const second = processes.map((each) => ({ ...each, name: `${each.name} 2` }))
  return { ...one, plan: { ...one.plan, ports: [...one.plan.ports, port] }, processes: [...one.processes, ...second] }
}
