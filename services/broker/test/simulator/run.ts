import { type Cluster, type Replica } from './cluster.js'
import { type Faults, noFaults } from './faults.js'
import { type Journal, newJournal } from './journal.js'
import { judge, type Violation } from './invariants.js'
import type { Protocol } from './protocol.js'
import { credentialsOf, planPerson } from './person.js'
import { createProvider, type KindName, providerKinds } from './provider-model.js'
import { createRandom, type Random } from './random.js'
import { receive } from './replica.js'
import { newRow } from './row-model.js'
import { type Arrival, randomTraffic, standardTraffic } from './traffic.js'
import { World } from './world.js'

// Owns one run: it is built from a seed, played, brought to rest and judged.

export type Scenario = {
  seed: number
  provider: KindName
  replicas: number
  traffic: 'random' | 'standard'
  protocol: Protocol
  faults(random: Random): Faults
  note?: (line: string) => void
}

export type RunResult = { violations: Violation[]; journal: Journal }

/** Plays a scenario. Throws nothing: what goes wrong is a violation. */
export function run(scenario: Scenario): RunResult {
  const random = createRandom(scenario.seed)
  const cluster = createCluster(scenario, random)
  const { world } = cluster
  const isStandard = scenario.traffic === 'standard'
  try {
    for (const arrival of isStandard ? standardTraffic : randomTraffic(random, scenario.replicas))
      world.after(arrival.atMs, () => send(cluster, arrival))
    if (!isStandard) planPerson(cluster)
    world.runUntil(Infinity)
    comeToRest(cluster)
    return { violations: judge(cluster), journal: cluster.journal }
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { violations: [{ invariant: 'I7', text }], journal: cluster.journal }
  }
}

function createCluster(scenario: Scenario, random: Random): Cluster {
  const note = scenario.note
  const world: World = new World(random, note && ((line) => note(`${stamp(world.nowMs)}  ${line}`)))
  const journal = newJournal()
  const kind = providerKinds[scenario.provider]
  const provider = createProvider(kind, journal, random)
  const grant = provider.consent()
  const isStandard = scenario.traffic === 'standard'
  const cluster: Cluster = {
    world,
    journal,
    kind,
    verifiesIdentity: scenario.seed % 2 === 0,
    protocol: scenario.protocol,
    provider,
    grant,
    row: newRow(credentialsOf(grant, world.nowMs + (isStandard ? 0 : random.between(0, 60_000)))),
    replicas: [],
    faults: noFaults,
    database: { incarnation: 1, upAtMs: 0 },
  }
  for (let index = 0; index < scenario.replicas; index++) {
    const process = { name: `replica-${index}`, life: 0, isUp: true, thawsAtMs: 0, deferred: [] }
    const skewMs = isStandard ? 0 : random.between(-2_000, 2_000)
    const session = { backAtMs: 0, noticedAtMs: 0 }
    cluster.replicas.push({ cluster, process, skewMs, session, flight: undefined, attempt: undefined })
  }
  cluster.faults = scenario.faults(random)
  return cluster
}

const stamp = (nowMs: number): string => `${((nowMs - 1_000_000) / 1000).toFixed(3).padStart(9)} s`

function send(cluster: Cluster, { replica, request, usesLastVersion }: Arrival): void {
  const at = cluster.replicas[replica]
  if (at === undefined) return
  const last = cluster.journal.calls.findLast((each) => each.answer?.kind === 'served')?.answer
  const ifVersion = usesLastVersion && last?.kind === 'served' ? last.version : undefined
  receive(at, request.kind === 'newer_than' ? { kind: 'newer_than', ifVersion } : request)
}

/** Without faults and with everybody alive, refreshes until the provider was heard: it accepts, or the broker gave up. */
function comeToRest(cluster: Cluster): void {
  const { world, journal, row } = cluster
  cluster.faults = noFaults
  world.note?.('no more faults: coming to rest')
  for (let round = 0; round < 20 && row.status === 'active'; round++) {
    // Longer than any lease, freeze and pause.
    world.runUntil(world.nowMs + 16_000 + Math.max(row.backoffUntilMs - world.nowMs, 0))
    const heard = journal.presentations.length
    const call = receive(replicaOf(cluster, round), { kind: 'newer_than', ifVersion: undefined })
    world.runUntil(Infinity)
    const [last] = journal.presentations.slice(heard).slice(-1)
    if (call.answer?.kind === 'served' && last !== undefined && last.verdict === 'accepted') return
    if (row.credentials.refreshToken === undefined) return
  }
}

function replicaOf(cluster: Cluster, round: number): Replica {
  const replica = cluster.replicas[round % cluster.replicas.length]
  if (replica === undefined) throw new Error('a cluster without replicas')
  return replica
}
