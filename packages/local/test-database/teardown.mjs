/** Stops the server that setup.mjs started and removes its directory. */
export default async function teardown() {
  await globalThis[Symbol.for('dromos.test-cluster')]?.stop()
}
