// Owns the database server of a jest run: starts it (or takes TEST_DATABASE_URL) and publishes the template's URL.
// Does not own the databases of the suites: createTestDatabase() in @dromos/local/test-database makes those.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleStaleServices } from '../bundle/bundle-services.mjs'

const packageRoot = new URL('../', import.meta.url)

export default async function setup() {
  buildIfStale()
  await bundleStaleServices() // some suites start the services as processes
  const { startTestCluster } = await import(new URL('dist/test-cluster.js', packageRoot).href)
  const cluster = await startTestCluster(process.env)
  if (cluster.warning !== undefined) console.warn(`\nWARNING: ${cluster.warning}`)
  process.env.DROMOS_TEST_DATABASE_URL = cluster.templateUrl
  process.env.DROMOS_LEAK_REPORT = join(mkdtempSync(join(tmpdir(), 'dromos-leaks-')), 'searches')
  globalThis[Symbol.for('dromos.test-cluster')] = cluster
}

/** jest loads this file as plain JavaScript, before any transform: the TypeScript behind it must have been compiled. */
function buildIfStale() {
  const stamp = new URL('dist/.built-for-tests', packageRoot)
  const sources = readdirSync(new URL('src/', packageRoot), { recursive: true }).filter((name) => name.endsWith('.ts'))
  const newestMs = Math.max(...sources.map((name) => statSync(new URL(`src/${name}`, packageRoot)).mtimeMs))
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= newestMs) return
  const compiler = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', packageRoot))
  // Errors of other packages do not matter here as long as our files are emitted.
  spawnSync(process.execPath, [compiler, '-p', fileURLToPath(packageRoot)], { stdio: 'inherit' })
  writeFileSync(stamp, '')
}
