import { setTimeout as pause } from 'node:timers/promises'
import { apiKey } from '../fleet.js'
import { below, exactly, listed, none, type Proof, shown } from '../proof.js'

// R7: one provider hangs for everybody; who uses another one must not notice.

export const isolation: Proof = {
  id: 'R7',
  title: 'isolation from a hanging provider',
  goal: 'one provider never answers and 32 agents want its tokens: token reads of another provider p99 < 25 ms, 0 errors',
  deadlineMinutes: 3,
  async run(run) {
    const stage = await run.openStage(2)
    const latency = { meanMs: 80 }
    const hanging = await stage.addProvider({ name: 'hanging', graceMs: 0, accessTokenSeconds: 3_600, latency })
    const healthy = await stage.addProvider({ name: 'healthy', graceMs: 0, accessTokenSeconds: 3_600, latency })
    await stage.provider.turnOn('hanging', 'tok.hang_unprocessed')
    const common = { brokers: stage.fleet.urls, apiKey, order: 'endless', patienceMs: 60_000 } as const
    const reading = { ...common, connections: await healthy.seed(200, 3_600_000), readers: 4, pauseMs: 2 }
    const waiting = { ...common, connections: await hanging.seed(64, -60_000), readers: 32, patienceMs: 15_000 }
    // What the same reads take without the hanging provider, after a warm-up.
    await stage.load.start('warm-up', { ...reading, requestTimeoutMs: 5_000 })
    await pause(3_000)
    await stage.load.stop('warm-up')
    await stage.load.start('alone', { ...reading, requestTimeoutMs: 5_000 })
    await pause(Math.max(10_000 * run.scale, 1_000))
    const alone = await stage.load.stop('alone')
    await stage.load.start('waiting', { ...waiting, requestTimeoutMs: 30_000 })
    await pause(500)
    await stage.load.start('reading', { ...reading, requestTimeoutMs: 5_000 })
    run.show(async () => {
      const tally = await stage.load.progress('reading')
      return `${tally?.reads ?? 0} healthy reads, p50 ${tally?.p50Ms ?? 0} ms, p99 ${tally?.p99Ms ?? 0} ms`
    })
    await pause(Math.max(30_000 * run.scale, 2_000))
    const report = await stage.load.stop('reading')
    if (report === undefined) throw new Error('the readers were not started')
    const { refreshes } = await stage.provider.counts('hanging')
    return [
      none('failed reads of the healthy provider', { ...report.failed, ...report.attention, ...report.retried }),
      below(run, 'read p99', 25, 'ms', report.p99Ms),
      exactly('refreshes of the hanging provider', 0, refreshes),
      shown('reads', report.reads),
      shown('read p50', `${report.p50Ms} ms`),
      shown('read p50 and p99 before it hung', `${alone?.p50Ms} ms, ${alone?.p99Ms} ms`),
      shown('retried', listed(report.retried)),
    ]
  },
}
