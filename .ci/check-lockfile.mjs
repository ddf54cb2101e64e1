// Prints optional dependencies that a package of the lockfile names but the lockfile lacks: `npm ci` of npm 11 and 12 refuses
// such a lockfile, and the binary would be missing on another platform. Also refuses download addresses.
import { readFileSync } from 'node:fs'

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'))

const parentsOf = (path) => {
  const parts = path.split('/node_modules/')
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('/node_modules/'))
}
const isPresent = (from, name) =>
  [...parentsOf(from).map((parent) => `${parent}/node_modules/${name}`), `node_modules/${name}`].some(
    (path) => path in packages,
  )

const missing = Object.entries(packages).flatMap(([path, entry]) =>
  Object.keys(entry.optionalDependencies ?? {})
    .filter((name) => !isPresent(path, name))
    .map((name) => `${path || '(root)'} -> ${name}`),
)
const addressed = Object.entries(packages)
  .filter(([, entry]) => typeof entry.resolved === 'string' && /^(https?|git)/.test(entry.resolved))
  .map(([path]) => `${path}: has a download address`)

for (const problem of [...missing, ...addressed]) console.log(`lockfile: ${problem}`)
if (missing.length + addressed.length > 0) process.exit(1)
console.log('lockfile: complete, no download addresses')
