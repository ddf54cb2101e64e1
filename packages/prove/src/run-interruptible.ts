import { explain, Problem } from '@dromos/local'
import { createResources, type Resources } from './resources.js'

// Owns the frame of a command that starts processes: Ctrl-C is heard, what went wrong is said, and nothing is left running.

/** Does the work until it ends or is interrupted, then ends its resources. Returns the exit status. */
export async function runInterruptible(work: (resources: Resources) => Promise<number>): Promise<number> {
  const resources = createResources()
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Problem('interrupted')))
  })
  try {
    return await Promise.race([work(resources), interrupted])
  } catch (error) {
    process.stderr.write(`\n${explain(error)}\n`)
    return 1
  } finally {
    await resources.endAll()
    // A handle that somebody forgot must not keep the command alive.
    setTimeout(() => process.exit(), 1_000).unref()
  }
}
