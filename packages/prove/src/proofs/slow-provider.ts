import { setTimeout as pause } from 'node:timers/promises'
import { apiKey } from '../fleet.js'
import { exactly, type Finding, listed, none, type Proof, type ProofRun, shown } from '../proof.js'
import type { Stage } from '../stage.js'
import { readAllOnce } from './exactly-once.js'

// R2: a provider that is slow after it has rotated. Up to our deadline nobody may lose patience; beyond it the outcome is in
// doubt, and what becomes of it depends on the provider.

export const slowProvider: Proof = {
  id: 'R2',
  title: 'slow provider',
  goal: '3,000 connections, 1 % of answers take 3 s and 1 % take 9 s: 0 reuse; beyond the 10 s deadline: recovered within a grace, lost_rotation at a strict provider',
  deadlineMinutes: 12,
  async run(run) {
    const stage = await run.openStage(4)
    const slow = [
      { share: 0.01, ms: 3_000 },
      { share: 0.01, ms: 9_000 },
    ]
    const strict = { name: 'slow', graceMs: 0, accessTokenSeconds: 3_600, latency: { meanMs: 80, slow } }
    const patient = await readAllOnce(run, stage, await stage.addProvider(strict), run.scaled(3_000, 100))
    return [
      ...patient.findings,
      shown('read p99', `${patient.report.p99Ms} ms`),
      shown('slowest read', `${patient.report.maxMs} ms`),
      ...(await beyondDeadline(run, stage, 30_000)),
      ...(await beyondDeadline(run, stage, 0)),
    ]
  },
}

const beyondDeadlineMs = 12_000

/** One in twenty answers comes too late, once. */
async function beyondDeadline(run: ProofRun, stage: Stage, graceMs: number): Promise<Finding[]> {
  const name = graceMs === 0 ? 'late-strict' : 'late-grace'
  const slow = [{ share: 0.05, ms: beyondDeadlineMs }]
  const provider = await stage.addProvider({ name, graceMs, accessTokenSeconds: 3_600, latency: { meanMs: 80, slow } })
  const count = run.scaled(400, 100)
  const connections = await provider.seed(count, -60_000)
  run.show(async () => `${name}: ${(await stage.provider.counts(name)).refreshes} refreshes of ${count} connections`)
  await stage.load.start(name, {
    brokers: stage.fleet.urls,
    apiKey,
    connections,
    readers: 64,
    order: 'list',
    requestTimeoutMs: 30_000,
    patienceMs: 60_000,
  })
  const finished = stage.load.finished(name)
  await allRotated(stage, name, count)
  await stage.provider.setLatency(name, { meanMs: 80 })
  const report = await finished
  const presentedAgain = await countPresentedAgain(stage, name)
  const ledger = await provider.compare()
  const { lost_rotation: lost = [], ...otherwise } = ledger.declared
  const expectedLost = graceMs === 0 ? presentedAgain : 0
  return [
    shown(`${name}: answers beyond the deadline`, presentedAgain),
    exactly(`${name}: lost`, expectedLost, lost.length),
    exactly(`${name}: connections that hold the current refresh token`, count - expectedLost, ledger.intact),
    exactly(`${name}: silent, or declared for another reason`, 0, ledger.silent.length + Object.keys(otherwise).length),
    none(`${name}: failed reads`, report?.failed ?? { 'no report': 1 }),
    exactly(`${name}: reads told lost_rotation`, expectedLost, report?.attention['lost_rotation'] ?? 0),
    shown(`${name}: retried`, listed(report?.retried ?? {})),
  ]
}

/** The provider rotates before it is slow. */
async function allRotated(stage: Stage, name: string, count: number): Promise<void> {
  while ((await stage.provider.counts(name)).refreshes < count) await pause(50)
}

async function countPresentedAgain(stage: Stage, name: string): Promise<number> {
  const presentations = await stage.provider.presentations(name)
  return presentations.length - new Set(presentations.map(({ refreshToken }) => refreshToken)).size
}
