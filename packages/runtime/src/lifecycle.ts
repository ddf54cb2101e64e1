import { ConfigurationError } from './environment.js'
import type { Logger } from './logger.js'

export type RunningService = {
  /** Stops taking work, finishes what is in flight, frees every resource. Safe to call once. */
  close(): Promise<void>
}

/**
 * Runs a service until it is told to stop: SIGTERM and SIGINT drain it, a second signal ends it at once. An unhandled
 * rejection or exception is logged, in-flight work gets the same drain, and the exit code is 1 (ASVS 16.5.4).
 */
export async function runService(options: {
  start(): Promise<RunningService>
  log: Logger
  /** Milliseconds the drain may take before the process ends anyway. */
  drainDeadlineMs: number
}): Promise<void> {
  const { log, drainDeadlineMs } = options
  let service: RunningService | undefined
  let stopping = false

  const stop = async (exitCode: number, why: string): Promise<void> => {
    if (stopping) process.exit(1)
    stopping = true
    log.info({ why }, 'stopping')
    setTimeout(() => {
      log.error({ drainDeadlineMs }, 'the drain took too long; ending anyway')
      process.exit(1)
    }, drainDeadlineMs).unref()
    try {
      await service?.close()
      log.info({}, 'stopped')
      process.exit(exitCode)
    } catch (error) {
      log.error({ error }, 'stopping failed')
      process.exit(1)
    }
  }

  process.on('SIGTERM', () => void stop(0, 'SIGTERM'))
  process.on('SIGINT', () => void stop(0, 'SIGINT'))
  const onFatal = (error: unknown): void => {
    log.fatal({ error }, 'unhandled error')
    if (!stopping) void stop(1, 'unhandled error')
  }
  process.on('unhandledRejection', onFatal)
  process.on('uncaughtException', onFatal)
  // Node would print them as text, some with a part of what a caller sent: DEP0170 quotes the request target.
  process.removeAllListeners('warning')
  process.on('warning', ({ name, ...rest }: Error & { code?: string }) =>
    log.warn({ warning: rest.code ?? name }, 'node warns'),
  )

  try {
    service = await options.start()
  } catch (error) {
    exitOnFailedStart(error, log)
  }
}

/** Start-up failures are for a person: the sentence goes to stderr as it is, the exit code is 1. */
export function exitOnFailedStart(error: unknown, log: Logger): never {
  log.fatal({ error }, 'could not start')
  const isForPeople = error instanceof Error && ['ServiceError', 'ConfigurationError'].includes(error.name)
  process.stderr.write(isForPeople ? `${error.message}\n` : 'could not start: see the log line above\n')
  process.exit(error instanceof ConfigurationError ? 78 : 1) // 78 = EX_CONFIG of sysexits.h
}
