import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import ts from 'typescript'

// The rules of docs/architecture.md: a folder, and what its files may import. `./` stands for the folder itself.
const root = fileURLToPath(new URL('../../../../', import.meta.url))

type Room = { folder: string; may: readonly string[] }

const rooms: readonly Room[] = [
  { folder: 'packages/contract/src', may: ['./', 'node:', '@grpc/proto-loader'] },
  { folder: 'packages/runtime/src', may: ['./', 'node:', '@dromos/contract', 'express', 'pino', 'prom-client'] },
  { folder: 'packages/provider-lab/src', may: ['./', 'node:'] },
  { folder: 'packages/prove/src', may: ['./', 'node:', '@dromos/local', 'dromos-lab', '@dromos/broker/vault', 'pg', 'undici'] },
  { folder: 'bench/src', may: ['./', 'node:', '@dromos/local', '@dromos/prove', '@dromos/broker/vault', 'pg', 'undici'] },
  { folder: 'services/broker/src/domain', may: ['./', 'node:crypto', '@dromos/contract', 'zod', 'ajv', 'ajv-formats'] },
  { folder: 'services/broker/src/flows', may: ['./', 'node:crypto', '@dromos/contract', 'services/broker/src/domain'] },
  { folder: 'services/broker/src/vault', may: ['./', 'node:', '@dromos/contract', 'services/broker/src/domain', 'services/broker/src/flows/ports'] },
  { folder: 'services/broker/src/postgres', may: ['./', 'node:', '@dromos/contract', '@dromos/runtime', 'knex', 'pg', 'zod', 'services/broker/src/domain', 'services/broker/src/flows/ports'] },
  { folder: 'services/broker/src/oauth', may: ['./', 'node:', '@dromos/contract', '@dromos/runtime', 'openid-client', 'jose', 'undici', 'ipaddr.js', 'zod', 'services/broker/src/domain', 'services/broker/src/flows/ports'] },
  { folder: 'services/broker/src/http', may: ['./', 'node:', '@dromos/contract', '@dromos/runtime', 'express', 'cookie', 'zod', 'services/broker/src/domain', 'services/broker/src/flows', 'services/broker/src/config.ts', 'services/broker/src/reporting.ts'] },
  { folder: 'services/gateway/src/http', may: ['./', 'node:', '@dromos/contract', '@dromos/runtime', 'express', 'services/gateway/src'] },
  { folder: 'services/gateway/src/grpc', may: ['./', 'node:', '@dromos/contract', '@dromos/runtime', '@grpc/', 'grpc-health-check', 'services/gateway/src'] },
] // prettier-ignore

// Libraries that only one room of the whole tree may know.
const soleOwners: readonly { library: RegExp; folders: readonly string[] }[] = [
  { library: /^express$/, folders: ['services/broker/src/http', 'services/gateway/src/http', 'packages/runtime/src'] },
  {
    library: /^(knex|pg)$/,
    folders: ['services/broker/src/postgres', 'packages/local', 'packages/prove/src', 'bench/src/floor'],
  },
  { library: /^(openid-client|jose)$/, folders: ['services/broker/src/oauth', 'packages/local'] },
  { library: /^@grpc\//, folders: ['services/gateway/src/grpc', 'packages/contract/src', 'packages/local'] },
]

function sourceFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return sourceFiles(path)
    return path.endsWith('.ts') ? [path] : []
  })
}

/** Imports of a file: packages by name, relative ones as paths from the root. */
function importsOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true)
  return importedFiles.map(({ fileName }) =>
    fileName.startsWith('.') ? relative(root, resolve(file, '..', fileName)).replace(/\.js$/, '.ts') : fileName,
  )
}

const allows = (room: Room, imported: string): boolean =>
  room.may.some((rule) => {
    if (rule === './') return imported.startsWith(`${room.folder}/`)
    if (rule.endsWith(':') || rule.endsWith('/')) return imported.startsWith(rule)
    return imported === rule || imported.startsWith(`${rule}/`)
  })

const allSources = [
  ...['packages', 'services'].flatMap((top) =>
    readdirSync(join(root, top)).map((name) => join(root, top, name, 'src')),
  ),
  join(root, 'bench', 'src'),
].flatMap(sourceFiles)

const filesThat = (pattern: RegExp): string[] =>
  allSources.filter((file) => pattern.test(readFileSync(file, 'utf8'))).map((file) => relative(root, file))

describe('the house', () => {
  test.each(rooms)('$folder imports only what its room allows', (room) => {
    const trespasses = sourceFiles(join(root, room.folder)).flatMap((file) =>
      importsOf(file)
        .filter((imported) => !allows(room, imported))
        .map((imported) => `${relative(root, file)} -> ${imported}`),
    )
    expect(trespasses).toEqual([])
  })

  test.each(soleOwners)('$library is known to its owners alone', ({ library, folders }) => {
    const trespasses = allSources
      .filter((file) => !folders.some((folder) => relative(root, file).startsWith(`${folder}/`)))
      .filter((file) => importsOf(file).some((imported) => library.test(imported)))
    expect(trespasses.map((file) => relative(root, file))).toEqual([])
  })

  test('no service imports the other, and no package imports a service', () => {
    const strays = allSources.filter((file) => {
      const home = relative(root, file).split('/').slice(0, 2).join('/')
      // Proofs and floors work on connections that are sealed as the broker seals; they know nothing else of it.
      const mayName = (name: string) =>
        ['packages/prove', 'bench/src'].includes(home) && name === '@dromos/broker/vault'
      const isService = (name: string) => name.startsWith('services/') || /^@dromos\/(broker|gateway)\b/.test(name)
      return importsOf(file).some(
        (imported) => isService(imported) && !imported.startsWith(`${home}/`) && !mayName(imported),
      )
    })
    expect(strays.map((file) => relative(root, file))).toEqual([])
  })

  // Commands are the compiled mains and packages/*/bin; what runs below them is handed its environment.
  test('only commands read the environment and the arguments', () => {
    const mayRead = /\/(main|migrate|admin|[a-z-]+-main)\.ts$|^packages\/local\/src\/test-run\.ts$/
    expect(filesThat(/\bprocess\.(env|argv)\b/).filter((file) => !mayRead.test(file))).toEqual([])
  })

  test('only commands and their frames end the process or listen to its signals', () => {
    const mayEnd = /\/(main|run-interruptible)\.ts$|^packages\/(runtime\/src|local\/src\/(start|demo)\.ts$)/
    expect(filesThat(/\bprocess\.(exit|on|once)\b/).filter((file) => !mayEnd.test(file))).toEqual([])
  })

  test('imports make no circles', () => {
    const graph = new Map(allSources.map((file) => [relative(root, file), importsOf(file)]))
    expect(circles(graph)).toEqual([])
  })

  test('there is no any, no default export, no file above 250 lines', () => {
    const faults = allSources.flatMap((file) => {
      const text = readFileSync(file, 'utf8')
      const name = relative(root, file)
      return [
        ...(/^(?!\s*(\*|\/\/)).*(:|<|as) any\b/m.test(text) ? [`${name}: any`] : []),
        ...(/^export default/m.test(text) ? [`${name}: default export`] : []),
        ...(text.split('\n').length > 251 ? [`${name}: ${text.split('\n').length} lines`] : []),
      ]
    })
    expect(faults).toEqual([])
  })
})

function circles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) return void found.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) if (graph.has(next)) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return found
}
