import { ServiceError } from '@dromos/contract'
import type { Actor } from '../domain/events.js'
import { isDue, type ScheduleFacts } from '../domain/refresh-schedule.js'
import { jitter, planRefresh, scheduleFacts } from './plan-refresh.js'
import type { Ports } from './ports/ports.js'
import type { ScheduledConnection } from './ports/refresh.js'
import type { Refresher } from './refresh-token.js'

// Owns who is refreshed without being asked: plans, claims what is due, hands it to the refresher, which keeps its own rules.
// Any number of replicas do this at once; no leader. Does not own when a connection is due (domain/refresh-schedule.ts).

type SchedulePorts = Pick<Ports, 'now' | 'providers' | 'schedule'> & { refresher: Refresher }

export type Scheduler = {
  /** Plans and claims what is due now and starts its refreshes; resolves when they are started, not when they have ended. */
  tick(): Promise<{ planned: number; claimed: number }>
  /** Starts nothing more and resolves when what was started has ended. */
  drain(): Promise<void>
}

/** Few, so that a claim is over at once however busy the machine is, and replicas share what is due. */
const claimRows = 25
const planRows = 100
const claimsPerTick = 100
/** A provider with so many rows in hand gets no more for now. */
const enoughWaiting = 200
const plansPerTick = 100
/** A claimed row comes due again after this, whatever became of its claimer. */
const holdMs = 60_000
const retryAfterTroubleMs = 30_000

/** `concurrency` is how many refreshes of one provider it has under way at once. */
export function createScheduler(ports: SchedulePorts, settings: { concurrency: number }): Scheduler {
  const lanes = new Map<string, Lane>()
  let isDraining = false

  const work = async (lane: Lane): Promise<void> => {
    for (let next = lane.waiting.shift(); next !== undefined && !isDraining; next = lane.waiting.shift())
      if (next.heldUntilMs > ports.now().getTime()) await refreshOne(ports, next.connection)
  }

  const start = (connection: ScheduledConnection, heldUntilMs: number): void => {
    const lane = lanes.get(connection.providerId) ?? { waiting: [], workers: new Set<Promise<void>>() }
    lanes.set(connection.providerId, lane)
    // A call in doubt goes before all others: the grace of its provider is running out.
    if (connection.isInDoubt) lane.waiting.unshift({ connection, heldUntilMs })
    else lane.waiting.push({ connection, heldUntilMs })
    if (lane.workers.size >= settings.concurrency) return
    const worker: Promise<void> = work(lane).finally(() => {
      lane.workers.delete(worker)
      if (lane.workers.size === 0 && lane.waiting.length === 0) lanes.delete(connection.providerId)
    })
    lane.workers.add(worker)
  }

  const busyProviders = (): string[] =>
    [...lanes].filter(([, lane]) => lane.waiting.length >= enoughWaiting).map(([providerId]) => providerId)

  const claimDue = async (): Promise<number> => {
    let claimed = 0
    for (let round = 0; round < claimsPerTick && !isDraining; round++) {
      const now = ports.now()
      const heldUntil = new Date(now.getTime() + holdMs)
      const rows = await ports.schedule.claim({ now, heldUntil, limit: claimRows, busyProviders: busyProviders() })
      claimed += rows.length
      for (const row of await onlyDue(ports, rows)) start(row, heldUntil.getTime())
      if (rows.length < claimRows) break
    }
    return claimed
  }

  return {
    async tick() {
      const planned = isDraining ? 0 : await planAll(ports)
      return { planned, claimed: await claimDue() }
    },
    async drain() {
      isDraining = true
      await Promise.allSettled([...lanes.values()].flatMap(({ workers }) => [...workers]))
    },
  }
}

type Lane = { waiting: { connection: ScheduledConnection; heldUntilMs: number }[]; workers: Set<Promise<void>> }

/** Rows from before a migration, with another policy, or back in use: nobody decided about them yet. */
async function planAll(ports: SchedulePorts): Promise<number> {
  let planned = 0
  for (let round = 0; round < plansPerTick; round++) {
    const rows = await ports.schedule.unplanned(planRows)
    const facts = await factsOf(ports, rows)
    await ports.schedule.plan(rows.map((row, index) => planFor(ports, row, facts[index])))
    planned += rows.length
    if (rows.length < planRows) break
  }
  return planned
}

/** Claimed rows that are due by what is known now; the others get a new time. */
async function onlyDue(ports: SchedulePorts, rows: readonly ScheduledConnection[]): Promise<ScheduledConnection[]> {
  const facts = await factsOf(ports, rows)
  const nowMs = ports.now().getTime()
  const judged = rows.map((row, index) => ({ row, facts: facts[index] }))
  const isRowDue = ({ row, facts: known }: (typeof judged)[number]): boolean =>
    known !== undefined && (row.isInDoubt || isDue(known, nowMs))
  const early = judged.filter((each) => !isRowDue(each))
  await ports.schedule.plan(early.map(({ row, facts: known }) => planFor(ports, row, known)))
  return judged.filter(isRowDue).map(({ row }) => row)
}

const planFor = (ports: SchedulePorts, row: ScheduledConnection, facts: ScheduleFacts | undefined) => ({
  row,
  at: facts && planRefresh(facts, ports.now()),
})

/** undefined where nothing can be refreshed: static credentials, a deleted provider. */
async function factsOf(
  ports: SchedulePorts,
  rows: readonly ScheduledConnection[],
): Promise<(ScheduleFacts | undefined)[]> {
  const ids = [...new Set(rows.map(({ providerId }) => providerId))]
  const found = await Promise.all(ids.map((id) => ports.providers.find(id)))
  const providers = new Map(ids.map((id, index) => [id, found[index]?.provider]))
  return rows.map((row) => {
    const provider = providers.get(row.providerId)
    return provider?.kind === 'oauth2' && !provider.identity.isDeleted ? scheduleFacts(provider, row) : undefined
  })
}

/** Never throws: what failed is planned for later, and everybody who needs the token meanwhile asks for it themselves. */
async function refreshOne(ports: SchedulePorts, connection: ScheduledConnection): Promise<void> {
  const { key, version } = connection
  try {
    await ports.refresher.refresh(key, { kind: 'newer_than', version }, actorFor(key.tenantId))
  } catch (error) {
    const at = laterAfter(error, ports.now().getTime())
    // Without this the row comes due again when the claim ends.
    await ports.schedule.plan([{ row: connection, at }]).catch(() => undefined)
  }
}

/** undefined = never: only a person, or an operator, can change it. */
function laterAfter(error: unknown, nowMs: number): Date | undefined {
  const known = error instanceof ServiceError ? error : undefined
  if (known?.reason === 'no_refresh_token') return undefined
  const askedMs = (known?.retryAfterSeconds ?? 0) * 1000
  return new Date(nowMs + Math.max(askedMs, retryAfterTroubleMs) * (1 + jitter()))
}

const actorFor = (tenantId: string): Actor => ({
  tenantId,
  clientId: undefined,
  keyId: undefined,
  requestId: 'scheduler',
  ipAddress: undefined,
  userAgent: undefined,
})
