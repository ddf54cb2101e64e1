import { setTimeout as pause } from 'node:timers/promises'
import { openLines } from './http-lines.js'
import { readToken, type ReadOutcome } from './read-token.js'
import { createTally, type Tally, type TallyReport } from './tally.js'

// Owns readers: agents that read tokens of connections, each one read after the other, and count what came of it.

export type Target = { id: string; family: string }

export type ReadPlan = {
  brokers: readonly string[]
  apiKey: string
  connections: readonly Target[]
  readers: number
  /** `list`: every connection in order, once per entry. `endless`: connections at random, until stopped. */
  order: 'list' | 'endless'
  /** Pause of a reader between two reads. */
  pauseMs?: number
  /** After this long one request is given up and the next broker is asked. */
  requestTimeoutMs: number
  /** After this long a read that was never answered counts as failed. */
  patienceMs: number
}

export type Readers = {
  progress(): TallyReport
  finished: Promise<TallyReport>
  stop(): Promise<TallyReport>
}

export function startReaders(plan: ReadPlan): Readers {
  const lines = plan.brokers.map((origin) => openLines(origin, { 'x-api-key': plan.apiKey }, plan.requestTimeoutMs))
  const tally = createTally()
  const newest = new Map<string, number>()
  let next = 0
  let isStopped = false

  const take = (): Target | undefined => {
    if (isStopped) return undefined
    if (plan.order === 'list') return plan.connections[next++]
    return plan.connections[Math.floor(Math.random() * plan.connections.length)]
  }
  const work = async (reader: number): Promise<void> => {
    for (let turn = reader, target = take(); target !== undefined; turn++, target = take()) {
      const seenBefore = newest.get(target.id) ?? 0
      const startedAtMs = performance.now()
      const outcome = await readToken({ ...plan, lines, firstBroker: turn, onRetry: tally.retried }, target.id)
      tally.add(performance.now() - startedAtMs, judge(target, outcome, seenBefore, newest))
      if (plan.pauseMs !== undefined) await pause(plan.pauseMs)
    }
  }
  const finished = Promise.all(Array.from({ length: plan.readers }, (_, reader) => work(reader))).then(() => {
    lines.forEach((each) => each.close())
    return tally.report()
  })
  return {
    progress: tally.report,
    finished,
    stop: () => {
      isStopped = true
      return finished
    },
  }
}

// The lab names its access tokens at_<family>_g<generation>_<random>: whose a served token is can be told from it.
const accessToken = /^at_(f\d+)_g(\d+)_/

function judge(
  target: Target,
  outcome: ReadOutcome,
  seenBefore: number,
  newest: Map<string, number>,
): Parameters<Tally['add']>[1] {
  if (outcome.kind !== 'token') return outcome
  const [, family, generationText] = accessToken.exec(outcome.accessToken) ?? []
  const generation = Number(generationText)
  if (family !== target.family) return { kind: 'failed', why: 'a token of another grant' }
  // What was served before this read began may not be younger than what it gets.
  if (generation < seenBefore) return { kind: 'failed', why: 'an older token than one served before' }
  if (outcome.isExpired) return { kind: 'failed', why: 'an expired token' }
  newest.set(target.id, Math.max(generation, newest.get(target.id) ?? 0))
  return outcome
}
