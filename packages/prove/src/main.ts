import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { Problem } from '@dromos/local'
import type { Proof } from './proof.js'
import { proofs } from './registry.js'
import { createResources, type Resources } from './resources.js'
import { openRunDirectory } from './run-directory.js'
import { runInterruptible } from './run-interruptible.js'
import { type ProofResult, runProof } from './run-proof.js'
import { printProgress, printResult } from './show.js'

// Owns `npm run prove`: which proofs run, one after the other, where the measurements go, and that nothing is left behind.
// Does not own any proof: proofs/ does.

const root = fileURLToPath(new URL('../../../', import.meta.url))

type Options = { chosen: readonly Proof[]; scale: number; json: string; lists: boolean }

/** Returns the exit status: 0 when every chosen proof met its goal. */
export function runProve(argv: string[]): Promise<number> {
  return runInterruptible(async (resources) => {
    const options = readOptions(argv)
    if (options.lists) {
      for (const { id, title, goal } of proofs) process.stdout.write(`${id.padEnd(4)} ${title}\n     ${goal}\n`)
      return 0
    }
    const results = await runAll(options, resources)
    return results.every(({ verdict }) => verdict === 'met') ? 0 : 1
  })
}

async function runAll(options: Options, resources: Resources): Promise<ProofResult[]> {
  const { server, logDirectory, close } = await openRunDirectory('prove', 'safe')
  const results: ProofResult[] = []
  resources.add(async () => {
    const isMissed = results.some(({ verdict }) => verdict === 'missed')
    await close(isMissed ? 'logs' : 'nothing')
    if (isMissed) process.stdout.write(`The brokers' logs are in ${logDirectory}\n`)
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
