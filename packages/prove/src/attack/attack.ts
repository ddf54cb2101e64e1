import { setTimeout as pause } from 'node:timers/promises'
import type { DatabaseServer } from '../database.js'
import { createResources, type Resources } from '../resources.js'
import { actAsAgent, type AgentWorld } from './agent.js'
import { attackers } from './attackers/all.js'
import { type Cast, openCast } from './cast.js'
import { createDice } from './dice.js'
import { readDocumentedErrors } from './documented-errors.js'
import { createGrpcCaller, type GrpcCaller } from './grpc-caller.js'
import { createHttpCaller } from './http-caller.js'
import { hearLastWord, type LastWord } from './last-word.js'
import { createRecorder, type Recorder, type Seen } from './recorder.js'
import { searchDatabase, searchLogs } from './search-traces.js'
import { createSecrets, type Secrets } from './secrets.js'
import type { Growth } from './series.js'
import { createTokenJudge } from './served-token.js'
import { createWatch, type Watch } from './watch.js'
import { createWorld, type World } from './world.js'

// Owns one attack from its first process to its report. Does not own any actor or rule.

export type AttackOptions = {
  server: DatabaseServer
  logDirectory: string
  seconds: number
  seed: number
  scale: number
  /** `none`: no broker is ended on purpose. */
  strikes: 'kill-and-drain' | 'none'
  /** Receives one line every two seconds. */
  progress(line: string): void
  /** Ended by whoever is interrupted; ended here afterwards. */
  resources?: Resources
}

export type AttackReport = {
  startedAt: string
  seconds: number
  seed: number
  scale: number
  strikes: number
  violations: Record<string, Seen>
  unclassified: Record<string, Seen>
  lastWord: LastWord
  processes: Record<string, Growth>
  loggedErrors: Record<string, number>
  did: Record<string, number>
}

export const isClean = ({ violations, unclassified }: AttackReport): boolean =>
  Object.keys(violations).length === 0 && Object.keys(unclassified).length === 0

const misbehavingShare = 0.05
const progressEveryMs = 2_000

export async function runAttack(options: AttackOptions): Promise<AttackReport> {
  const { resources = createResources(), seed, scale, seconds } = options
  const startedAt = new Date().toISOString()
  const secrets = createSecrets()
  const recorder = createRecorder(secrets)
  try {
    const cast = await openCast({ ...options, resources, secrets, recorder })
    const agents = gatherAgents(options, cast, secrets, resources)
    const watch = createWatch(cast, secrets)
    const strikesAtMs = await fight(options, agents, watch)
    await cast.lab.misbehave(0)
    options.progress('quiet: every connection is compared with its provider')
    const lastWord = await hearLastWord({ ...agents, strikesAtMs })
    await watch.sample()
    const processes = judgeProcesses(cast, watch, seconds)
    await searchDatabase(cast.database, recorder)
    const loggedErrors = await searchLogs(options.logDirectory, recorder, secrets)
    const strikes = strikesAtMs.length / 2
    return { startedAt, seconds, seed, scale, strikes, lastWord, processes, loggedErrors, ...recorder.report() }
  } finally {
    await resources.endAll()
  }
}

function gatherAgents(options: AttackOptions, cast: Cast, secrets: Secrets, resources: Resources): AgentWorld {
  const { recorder, gateways, tenants } = cast
  const judging = { recorder, secrets, documented: readDocumentedErrors() }
  // Only brokers are ended on purpose.
  const mayBreak = (url: string): boolean =>
    options.strikes !== 'none' && !gateways.some((gateway) => url.startsWith(gateway.url))
  const http = createHttpCaller({ ...judging, mayBreak })
  const callersOf = (key: string): GrpcCaller[] =>
    gateways.map(({ grpcAddress }) => createGrpcCaller(judging, grpcAddress, key))
  const grpc = new Map(tenants.map((tenant) => [tenant, callersOf(tenant.key)]))
  resources.add(async () => {
    for (const caller of [...grpc.values()].flat()) caller.close()
    await http.close()
  })
  const endsAtMs = performance.now() + options.seconds * 1_000
  return {
    cast,
    world: createWorld(tenants),
    dice: createDice(options.seed),
    http,
    grpc,
    judgeToken: createTokenJudge(cast),
    mostConnections: scaled(options.scale, 150),
    leftMs: () => Math.max(0, endsAtMs - performance.now()),
  }
}

const scaled = (scale: number, count: number): number => Math.max(1, Math.round(count * scale))

/** Everybody acts until the time is over. Answers when brokers were ended. */
async function fight(options: AttackOptions, agents: AgentWorld, watch: Watch): Promise<number[]> {
  const { cast, dice, world, leftMs } = agents
  const isOver = (): boolean => leftMs() === 0
  const loop = async (act: () => Promise<void>, restMs: number): Promise<void> => {
    while (!isOver()) {
      await act().catch((error: unknown) =>
        cast.recorder.violated('an actor failed', String(error instanceof Error ? error.stack : error)),
      )
      await pause(restMs * (0.5 + dice.fraction()))
    }
  }
  const attack = async (): Promise<void> => {
    await dice.pick(attackers)?.attack(agents)
    cast.recorder.did('attack')
  }
  const strikesAtMs: number[] = []
  await cast.lab.misbehave(misbehavingShare)
  const clock = setInterval(() => {
    void watch.sample()
    options.progress(lineOf(cast.recorder, world, leftMs(), strikesAtMs.length / 2))
  }, progressEveryMs)
  try {
    await Promise.all([
      ...Array.from({ length: scaled(options.scale, 10) }, () => loop(() => actAsAgent(agents), 60)),
      ...Array.from({ length: scaled(options.scale, 5) }, () => loop(attack, 250)),
      options.strikes === 'none' ? undefined : strike(cast, isOver, strikesAtMs),
    ])
  } finally {
    clearInterval(clock)
  }
  return strikesAtMs
}

const strikeEveryMs = 20_000

/** The second broker is killed and drained in turn; the first lives on, so that its memory can be watched. */
async function strike({ fleet }: Cast, isOver: () => boolean, strikesAtMs: number[]): Promise<void> {
  const replica = 1
  for (let turn = 0; ; turn++) {
    for (let waitedMs = 0; waitedMs < strikeEveryMs && !isOver(); waitedMs += 500) await pause(500)
    if (isOver()) return
    strikesAtMs.push(Date.now())
    await (turn % 2 === 0 ? fleet.kill(replica) : fleet.drain(replica))
    strikesAtMs.push(Date.now())
    await fleet.restart(replica)
  }
}

function lineOf(recorder: Recorder, world: World, leftMs: number, strikes: number): string {
  const { did, violations, unclassified } = recorder.report()
  const count = (prefix: string): number =>
    Object.entries(did).reduce((sum, [what, times]) => (what.startsWith(prefix) ? sum + times : sum), 0)
  const bad = Object.keys(violations).length + Object.keys(unclassified).length
  return `${Math.round(leftMs / 1_000)} s left, ${world.all().length} connections, ${count('HTTP')} HTTP and ${count('gRPC')} gRPC answers, ${count('token served')} tokens, ${did['attack'] ?? 0} attacks, ${strikes} strikes, ${bad} kinds of violation`
}

const limits = { growthMb: 20, heapFloorGrowthMb: 10, judgedFromMinutes: 5, openAtTheEnd: 150 }
/** V8 takes minutes to grow its heap to what the load asks for. */
const longestWarmUpMs = 600_000

function judgeProcesses({ recorder, fleet, gateways }: Cast, watch: Watch, seconds: number): Record<string, Growth> {
  const unasked = fleet.unexpectedEnds() + gateways.filter((each) => each.process.endedUnasked()).length
  if (unasked > 0) recorder.violated('a process ended unasked', String(unasked))
  const warmUpMs = Math.min(longestWarmUpMs, seconds * 333)
  const processes: Record<string, Growth> = {}
  for (const [name, series] of watch.series()) {
    const growth = series.growth(warmUpMs)
    if (growth === undefined) continue
    processes[name] = growth
    const isJudged = growth.minutes >= limits.judgedFromMinutes
    if (isJudged && growth.growthMb > limits.growthMb)
      recorder.violated('memory grows', `${name}: ${growth.growthMb} MB in ${growth.minutes} minutes`)
    const heapFloorGrowthMb = growth.lastHeapFloorMb - growth.firstHeapFloorMb
    if (isJudged && heapFloorGrowthMb > limits.heapFloorGrowthMb)
      recorder.violated('what is alive grows', `${name}: ${heapFloorGrowthMb} MB in ${growth.minutes} minutes`)
    const isPiledUp = [growth.lastOpenFiles, growth.lastHandles].some((count) => count > limits.openAtTheEnd)
    if (isPiledUp)
      recorder.violated('sockets pile up', `${name}: ${growth.lastOpenFiles} files, ${growth.lastHandles} handles`)
  }
  return processes
}
