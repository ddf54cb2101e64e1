import { setTimeout as pause } from 'node:timers/promises'

/** Waits until the condition holds; fails after ten seconds. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    if (await condition()) return
    await pause(10)
  }
  throw new Error(`it did not become true: ${condition.toString()}`)
}
