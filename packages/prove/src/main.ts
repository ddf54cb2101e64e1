import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { explain, Problem } from '@dromos/local'
import { startDatabaseServer } from './database.js'
import type { Proof } from './proof.js'
import { proofs } from './registry.js'
import { createResources } from './resources.js'
import { type ProofResult, runProof } from './run-proof.js'
import { printProgress, printResult } from './show.js'

// Owns `npm run prove`: which proofs run, one after the other, where the measurements go, and that nothing is left behind.
// Does not own any proof: proofs/ does.

const root = fileURLToPath(new URL('../../../', import.meta.url))

type Options = { chosen: readonly Proof[]; scale: number; json: string; lists: boolean }

/** Returns the exit status: 0 when every chosen proof met its goal. */
export async function runProve(argv: string[]): Promise<number> {
  const resources = createResources()
  try {
    const options = readOptions(argv)
    if (options.lists) {
      for (const { id, title, goal } of proofs) process.stdout.write(`${id.padEnd(4)} ${title}\n     ${goal}\n`)
      return 0
    }
    const interrupted = new Promise<never>((_, reject) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.once(signal, () => reject(new Problem('interrupted')))
    })
    const results = await Promise.race([runAll(options, resources), interrupted])
    return results.every(({ verdict }) => verdict === 'met') ? 0 : 1
  } catch (error) {
    process.stderr.write(`\n${explain(error)}\n`)
    return 1
  } finally {
    await resources.endAll()
    setTimeout(() => process.exit(), 1_000).unref()
  }
}

async function runAll(options: Options, resources: ReturnType<typeof createResources>): Promise<ProofResult[]> {
  const directory = mkdtempSync(join(tmpdir(), 'dromos-prove-'))
  // PostgreSQL may run as another account, which must be able to pass through to its own directory inside.
  chmodSync(directory, 0o711)
  const logDirectory = join(directory, 'logs')
  mkdirSync(logDirectory)
  const dataDir = join(directory, 'postgres')
  const server = await startDatabaseServer({ dataDir, durability: 'safe', log: () => {} })
  const results: ProofResult[] = []
  resources.add(async () => {
    await server.stop()
    rmSync(dataDir, { recursive: true, force: true })
    if (results.some(({ verdict }) => verdict === 'missed'))
      process.stdout.write(`The brokers' logs are in ${logDirectory}\n`)
    else rmSync(directory, { recursive: true, force: true })
  })
  for (const proof of options.chosen) {
    process.stdout.write(`\n${proof.id}  ${proof.title}\n    goal: ${proof.goal}\n`)
    const stage = createResources()
    resources.add(() => stage.endAll())
    const result = await runProof(proof, {
      server,
      scale: options.scale,
      logDirectory,
      progress: (line) => printProgress(process.stdout, line),
      resources: stage,
    })
    results.push(result)
    printResult(process.stdout, result)
    writeResults(options, results)
  }
  return results
}

function writeResults({ json }: Options, results: readonly ProofResult[]): void {
  const [{ model = 'unknown' } = {}] = cpus()
  mkdirSync(dirname(json), { recursive: true })
  const machine = { cores: cpus().length, model, node: process.version, platform: process.platform }
  writeFileSync(json, `${JSON.stringify({ machine, results }, undefined, 2)}\n`)
}

function readOptions(argv: string[]): Options {
  const { values, positionals } = parse(argv)
  const unknown = positionals.filter((name) => !proofs.some((proof) => isNamed(proof, name)))
  if (unknown.length > 0) throw new Problem(`there is no proof ${unknown.join(', ')}: npm run prove -- --list`)
  const scale = Number(values.scale ?? 1)
  if (!(scale > 0 && scale <= 1)) throw new Problem('--scale: give a number above 0, at most 1')
  return {
    chosen:
      positionals.length === 0 ? proofs : proofs.filter((proof) => positionals.some((name) => isNamed(proof, name))),
    scale,
    json: resolve(values.json ?? join(root, '.dromos', 'prove.json')),
    lists: values.list === true,
  }
}

// R6 names all its parts: R6-sessions, R6-crash, R6-freeze.
const isNamed = ({ id }: Proof, name: string): boolean =>
  id.toLowerCase() === name.toLowerCase() || id.toLowerCase().startsWith(`${name.toLowerCase()}-`)

function parse(argv: string[]) {
  const options = { scale: { type: 'string' }, json: { type: 'string' }, list: { type: 'boolean' } } as const
  try {
    return parseArgs({ args: argv, options, allowPositionals: true })
  } catch (cause) {
    throw new Problem(
      `${cause instanceof Error ? cause.message : String(cause)}\nnpm run prove -- --help lists the options`,
    )
  }
}
