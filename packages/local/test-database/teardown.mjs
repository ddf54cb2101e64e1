import { rmSync } from 'node:fs'
import { dirname } from 'node:path'

/** Stops the server that setup.mjs started and removes the directories of the run. */
export default async function teardown() {
  await globalThis[Symbol.for('dromos.test-cluster')]?.stop()
  rmSync(dirname(process.env.DROMOS_LEAK_REPORT), { recursive: true, force: true })
}
