import type { Logger } from '@dromos/runtime'
import { repeat, type Repeating } from './background.js'
import type { Config } from './config.js'
import type { Actor } from './domain/events.js'
import type { Ports } from './flows/ports/ports.js'
import type { Refresher } from './flows/refresh-token.js'
import type { UsageSampler } from './flows/sample-usage.js'
import { housekeep } from './flows/housekeep.js'
import { sealAudit, type SealAuditPorts } from './flows/seal-audit.js'
import { rotateForAWhile, type RotationPorts } from './flows/rotate-keys.js'
import { createScheduler } from './flows/schedule-refresh.js'

// Owns what a broker does without being asked, and how often. Does not own the work itself: flows/.

export type BackgroundWork = {
  /** Call it when the broker listens. */
  start(): void
  /** Nothing new begins; resolves when what was begun has ended. */
  stop(): Promise<void>
}

const usageIntervalMs = 10_000
const rotationIntervalMs = 1_000
const sealIntervalMs = 60_000

export function createBackgroundWork(options: {
  ports: Ports & { refresher: Refresher }
  rotation: RotationPorts
  housekeeping: Parameters<typeof housekeep>[0]
  audit: SealAuditPorts
  usage: UsageSampler
  config: Config
  /** The actor of what happens without a request. */
  ourselves: Actor
  log: Logger
}): BackgroundWork {
  const { ports, rotation, housekeeping, audit, usage, config, ourselves, log } = options
  const { isOn, intervalMs, concurrencyPerProvider } = config.scheduler
  // Half of what a provider is asked at once is left to callers who wait.
  const scheduler = createScheduler(ports, { concurrency: Math.ceil(concurrencyPerProvider / 2) })
  const repeating: Repeating[] = []
  // The log is kept elsewhere: a digest there proves every row before it, whatever becomes of the database.
  const seal = async (): Promise<void> => {
    for (const each of await sealAudit(audit)) log.info(each, 'audit sealed')
  }
  return {
    start() {
      repeating.push(repeat('usage', usageIntervalMs, log, () => usage.flush()))
      repeating.push(repeat('audit', sealIntervalMs, log, seal))
      repeating.push(repeat('rotation', rotationIntervalMs, log, () => rotateForAWhile(rotation, ourselves)))
      const tidy = (): Promise<unknown> => housekeep(housekeeping, config.housekeeping)
      repeating.push(repeat('housekeeping', config.housekeeping.intervalMs, log, tidy))
      if (isOn) repeating.push(repeat('scheduler', intervalMs, log, () => scheduler.tick()))
    },
    async stop() {
      await Promise.all(repeating.map((each) => each.stop()))
      await scheduler.drain()
    },
  }
}
