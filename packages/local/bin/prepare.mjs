// Owns what must be true before any command runs on a fresh clone: Node new enough, packages installed, code compiled.
// Does not own the commands, and depends on nothing that has to be installed first.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleStaleServices } from '../bundle/bundle-services.mjs'
import { newestSourceMs, missingOutput } from './sources.mjs'
import { runQuietly } from './run-quietly.mjs'

export const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Ends the process with a sentence for people and no stack trace. */
export function fail(sentence) {
  console.error(sentence)
  process.exit(1)
}

/** Installs and compiles what is missing or out of date; silent and fast (some 30 ms) when nothing is. */
export async function prepare() {
  requireNode(20, 18, 1)
  await installPackages()
  await compile()
  await bundleStaleServices()
}

function requireNode(...needed) {
  const running = process.versions.node.split('.').map(Number)
  const difference = needed.map((part, place) => running[place] - part).find((part) => part !== 0) ?? 0
  if (difference < 0)
    fail(`Dromos needs Node ${needed.join('.')} or newer; this is ${process.version} (${process.execPath}).`)
}

async function installPackages() {
  const lockfile = readFileSync(join(root, 'package-lock.json'))
  const hash = createHash('sha256').update(lockfile).digest('hex')
  const stamp = join(root, 'node_modules', '.dromos-install')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  if (!matchesInstalled(JSON.parse(lockfile.toString()))) await npmCi()
  remember(stamp, hash)
}

/** Somebody may have run npm themselves: then npm's own record of what it installed equals the lockfile. */
function matchesInstalled(lockfile) {
  const record = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(record)) return false
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages
  return Object.entries(lockfile.packages).every(([path, wanted]) => {
    // A workspace may hold packages of its own, below services/*/node_modules.
    if (!path.includes('node_modules/') || wanted.link) return true
    const found = installed[path]
    if (found === undefined) return Boolean(wanted.optional || wanted.devOptional)
    return found.version === wanted.version && existsSync(join(root, path))
  })
}

async function npmCi() {
  // Started by npm, we continue with that same npm; dev packages hold the compiler, whatever NODE_ENV says.
  const cli = process.env.npm_execpath
  const byNode = cli?.endsWith('npm-cli.js')
  const command = byNode ? process.execPath : process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const options = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund']
  const { status, output } = await runQuietly(
    'installing packages (npm ci)',
    command,
    byNode ? [cli, ...options] : options,
    root,
  )
  if (status === 0) return
  console.error(output)
  if (/ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH/.test(output)) {
    fail(
      'npm could not reach its registry: the first start needs the network (or an npm cache). Connect and try again.',
    )
  }
  if (/ENOENT.*spawn|spawn.*ENOENT/.test(output))
    fail('npm was not found: install it together with Node, then try again.')
  fail('npm ci failed, its own words are above. Fix that, then try again.')
}

async function compile() {
  const stamp = join(root, 'node_modules', '.dromos-build')
  const builtMs = existsSync(stamp) ? Number(readFileSync(stamp, 'utf8')) : 0
  const isOutputMissing = missingOutput(root)
  const startedMs = Date.now()
  if (!isOutputMissing && builtMs >= newestSourceMs(root)) return
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  // The compiler trusts its own build record even when the output beside it was deleted.
  const options = [compiler, '-b', ...(isOutputMissing ? ['--force'] : [])]
  const { status, output } = await runQuietly('compiling', process.execPath, options, root)
  if (status !== 0) {
    console.error(output)
    fail('The TypeScript build failed: fix the errors above, then try again.')
  }
  remember(stamp, String(startedMs))
}

function remember(stamp, text) {
  try {
    writeFileSync(stamp, text)
  } catch {
    // A checkout we may not write to works too; it is only checked again next time.
  }
}
