import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { Problem } from '@dromos/local'
import { scenarios } from './registry.js'
import type { Against, Profiling, Scenario } from './scenario.js'

// Owns what `npm run bench` can be told.

export type Options = {
  chosen: readonly Scenario[]
  seconds: number
  rounds: number
  scale: number
  rows: number
  against: Against | undefined
  json: string
  lists: boolean
  profile: Profiling | undefined
  markdown: boolean
}

const flags = {
  seconds: { type: 'string', default: '3' },
  rounds: { type: 'string', default: '5' },
  scale: { type: 'string', default: '1' },
  rows: { type: 'string', default: '1000' },
  json: { type: 'string' },
  against: { type: 'string' },
  'api-key': { type: 'string' },
  connection: { type: 'string' },
  provider: { type: 'string' },
  list: { type: 'boolean', default: false },
  // For npm run profile.
  profile: { type: 'string' },
  'profile-to': { type: 'string' },
  markdown: { type: 'boolean', default: false },
} as const

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Throws a Problem that says what is wrong. */
export function readOptions(argv: readonly string[]): Options {
  const { values, positionals } = parse(argv)
  const unknown = positionals.filter((name) => !scenarios.some((each) => isNamed(each, name)))
  if (unknown.length > 0) throw new Problem(`there is no scenario ${unknown.join(', ')}: npm run bench -- --list`)
  const named = scenarios.filter((each) => positionals.some((name) => isNamed(each, name)))
  const profile = readProfiling(values)
  const proof = named.find(({ isProof }) => isProof)
  if (profile !== undefined && proof !== undefined)
    throw new Problem(`${proof.id} starts brokers of its own, which cannot be profiled: choose another scenario`)
  return {
    chosen: named.length === 0 ? scenarios.filter(({ isExtra }) => isExtra === undefined) : named,
    seconds: numberOf('seconds', values.seconds, 0.1, 600),
    rounds: Math.floor(numberOf('rounds', values.rounds, 1, 100)),
    scale: numberOf('scale', values.scale, 0.001, 1),
    rows: Math.floor(numberOf('rows', values.rows, 1, 1_000_000)),
    against: readAgainst(values),
    json: resolve(values.json ?? join(root, '.dromos', 'bench.json')),
    lists: values.list,
    profile,
    markdown: values.markdown,
  }
}

const isNamed = ({ id }: Scenario, name: string): boolean => id.toLowerCase() === name.toLowerCase()

function numberOf(flag: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (value >= least && value <= most) return value
  throw new Problem(`--${flag}: give a number from ${least} to ${most}`)
}

function readProfiling({ profile: service, 'profile-to': file }: Values): Profiling | undefined {
  return service === undefined || file === undefined ? undefined : { service, file }
}

function readAgainst({ against, 'api-key': apiKey = '', connection = '', provider }: Values): Against | undefined {
  if (against === undefined) return undefined
  const url = URL.canParse(against) ? new URL(against) : undefined
  if (url?.protocol !== 'http:' || url.pathname !== '/')
    throw new Problem('--against: give the origin of a plain HTTP server, such as http://127.0.0.1:8090')
  if (apiKey === '' || connection === '')
    throw new Problem('--against needs --api-key and --connection: a connection of that server that is active')
  return { url, apiKey, connectionId: connection, provider }
}

type Values = ReturnType<typeof parse>['values']

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: flags, allowPositionals: true })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Problem(`${why}\nnpm run bench -- --help lists the options`, { cause })
  }
}
