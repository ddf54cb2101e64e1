import type { Logger } from '@dromos/runtime'

// Owns how work repeats in the background of a process: one run after the other, never two at once.
// Does not own the work.

export type Repeating = {
  /** Starts no further run and resolves when the present one has ended. */
  stop(): Promise<void>
}

/** Runs `work` again and again, `intervalMs` after the last run ended. A run that fails is logged, and the next one comes. */
export function repeat(name: string, intervalMs: number, log: Logger, work: () => Promise<unknown>): Repeating {
  let isStopped = false
  let running: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  const run = async (): Promise<void> => {
    try {
      await work()
    } catch (error) {
      log.warn({ work: name, error }, 'background work failed')
    }
    plan()
  }
  const plan = (): void => {
    if (!isStopped) timer = setTimeout(() => (running = run()), intervalMs)
  }

  plan()
  return {
    stop() {
      isStopped = true
      clearTimeout(timer)
      return running
    },
  }
}
