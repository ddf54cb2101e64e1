// Owns how a service becomes one file: services/<name>/dist/bundle.js, which is what runs everywhere (docs/decisions/0011).
// Does not own what is in it: main.js, compiled before.
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))

export const services = ['broker', 'gateway']

const bundleOf = (service) => join(root, 'services', service, 'dist', 'bundle.js')
const mainOf = (service) => join(root, 'services', service, 'dist', 'main.js')

/** Bundles the services that are compiled and newer than their bundle. Some 20 ms when none is, some 500 ms for each. */
export async function bundleStaleServices() {
  for (const service of services) if (existsSync(mainOf(service)) && isStale(service)) await bundleService(service)
}

export async function bundleService(service) {
  const outfile = bundleOf(service)
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    entryPoints: [mainOf(service)],
    outfile,
    write: false,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['node'], // what Node itself would load, not the variant some packages have for bundlers
    // Names stay, so that a stack trace says where; the map beside it knows the line (docs/operations.md).
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
    legalComments: 'none', // node_modules stands beside it, with every licence
    sourcemap: true,
    sourcesContent: false,
    banner: { js: banner },
    plugins: [keepPlaces(outfile), leaveAbsent, takeParts, takeOneAjv, onlyOurTypes],
    logLevel: 'warning',
  })
  // Made aside and moved: a start at this moment finds the former bundle or the new one, never half of it.
  for (const { path, contents } of outputFiles) {
    writeFileSync(`${path}.${process.pid}`, contents)
    renameSync(`${path}.${process.pid}`, path)
  }
}

// What CommonJS modules find in their scope, and the two names that keepPlaces writes.
const banner = [
  "import { createRequire as bundleRequire } from 'node:module'",
  "import { fileURLToPath as bundlePath } from 'node:url'",
  'const require = bundleRequire(import.meta.url)',
  'const bundleUrlOf = (place) => new URL(place, import.meta.url).href',
  'const bundleDirectoryOf = (place) => bundlePath(new URL(place, import.meta.url))',
].join(';')

/** A module that reads a file beside itself (protos, migrations) finds it from inside the bundle, too. */
const keepPlaces = (outfile) => ({
  name: 'keep-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.[cm]?js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      if (!/\bimport\.meta\.url\b|\b__dirname\b/.test(text)) return undefined
      const placeOf = (file) => JSON.stringify(relative(dirname(outfile), file).split(sep).join('/'))
      const contents = text
        .replaceAll('import.meta.url', `bundleUrlOf(${placeOf(path)})`)
        .replaceAll(/\b__dirname\b/g, `bundleDirectoryOf(${placeOf(dirname(path))})`)
      return { contents }
    })
  },
})

const isForeign = (path) => path.includes(`${sep}node_modules${sep}`)

/** Drivers of other databases and other optional packages: required when they are used, and not installed here. */
const leaveAbsent = {
  name: 'leave-absent',
  setup({ onResolve }) {
    onResolve({ filter: /^[a-z@]/ }, ({ path, importer, kind }) => {
      if (kind !== 'require-call' || !isForeign(importer)) return undefined
      try {
        createRequire(importer).resolve(path)
        return undefined
      } catch {
        return { path, external: true }
      }
    })
  },
}

const inPlaceOf = (file) => ({ path: fileURLToPath(new URL(file, import.meta.url)) })

/**
 * What stands in the place of something that a package loads: the part of it that we use. `from` is the package that asks, where it
 * matters. Express loads its body parsers and a parser of nested queries (runtime's read-body.ts and `query parser: simple` do
 * without), knex its dialects.
 */
const parts = [
  { asked: /^undici$/, part: 'undici.js' },
  { asked: /^@grpc\/grpc-js$/, part: 'grpc-server.js' },
  { asked: /^\.\/client$/, from: join('@grpc', 'grpc-js'), part: 'grpc-client.js' },
  { asked: /^(body-parser|qs)$/, from: 'express', part: 'nothing.js' },
  {
    asked: /^\.\/(better-)?(sqlite3|cockroachdb|mssql|mysql2?|mariadb|oracle(db)?|pgnative|redshift)$/,
    from: join('knex', 'lib', 'dialects', 'index.js'),
    part: 'nothing.js',
  },
]

const takeParts = {
  name: 'take-parts',
  setup({ onResolve }) {
    for (const { asked, from, part } of parts)
      onResolve({ filter: asked }, ({ importer }) =>
        from === undefined || importer.includes(join(sep, 'node_modules', from)) ? inPlaceOf(part) : undefined,
      )
  },
}

/** npm keeps the same version of ajv twice, one of them for ajv-formats alone. */
const takeOneAjv = {
  name: 'take-one-ajv',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^ajv(\/|$)/ }, ({ path, importer, kind }) => {
      if (!importer.includes(join(sep, 'ajv-formats'))) return undefined
      return resolve(path, { kind, resolveDir: join(root, 'services', 'broker') })
    })
  },
}

/** Express knows 2,500 media types of files. We send text and JSON, and need their charset. */
const onlyOurTypes = {
  name: 'only-our-types',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]mime-db[\\/]db\.json$/ }, ({ path }) => {
      const all = Object.entries(JSON.parse(readFileSync(path, 'utf8')))
      const ours = all.filter(([type]) => /^(text\/.*|application\/json)$/.test(type))
      return { contents: JSON.stringify(Object.fromEntries(ours)), loader: 'json' }
    })
  },
}

function isStale(service) {
  const bundle = bundleOf(service)
  if (!existsSync(bundle)) return true
  const builtMs = statSync(bundle).mtimeMs
  const parts = [`services/${service}`, 'packages/contract', 'packages/runtime'].map((part) => join(root, part, 'dist'))
  const read = [
    ...compiledIn(join(root, 'packages/local/bundle')),
    join(root, 'package-lock.json'),
    ...parts.flatMap(compiledIn),
  ]
  return read.some((file) => existsSync(file) && statSync(file).mtimeMs > builtMs)
}

const compiledIn = (directory) =>
  readdirSync(directory, { recursive: true })
    .filter((name) => /\.m?js$/.test(name) && name !== 'bundle.js')
    .map((name) => join(directory, name))
