import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { explain, Problem } from '@dromos/local'
import { createResources, printProgress, type Resources, startDatabaseServer } from '@dromos/prove'
import { type Options, readOptions } from './options.js'
import { scenarios } from './registry.js'
import { type BenchResult, runScenario } from './run-scenario.js'
import { printResult } from './show.js'

// Owns `npm run bench`: which scenarios run, one after the other, where the numbers go, and that nothing is left behind.
// Does not own any scenario: scenarios/ does.

/** Returns the exit status: 0 when every chosen scenario met its goals. */
export async function runBench(argv: readonly string[]): Promise<number> {
  const resources = createResources()
  try {
    const options = readOptions(argv)
    if (options.lists) {
      for (const { id, title, goal } of scenarios) process.stdout.write(`${id.padEnd(4)} ${title}\n     ${goal}\n`)
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

async function runAll(options: Options, resources: Resources): Promise<BenchResult[]> {
  const directory = mkdtempSync(join(tmpdir(), 'dromos-bench-'))
  // PostgreSQL may run as another account, which must be able to pass through to its own directory inside.
  chmodSync(directory, 0o711)
  const logDirectory = join(directory, 'logs')
  mkdirSync(logDirectory)
  const server = await startDatabaseServer({ dataDir: join(directory, 'postgres'), durability: 'safe', log: () => {} })
  resources.add(async () => {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const results: BenchResult[] = []
  for (const scenario of options.chosen) {
    process.stdout.write(`\n${scenario.id}  ${scenario.title}\n    goal: ${scenario.goal}\n`)
    const stage = createResources()
    resources.add(() => stage.endAll())
    const show = (line: string): void => printProgress(process.stdout, line)
    const result = await runScenario(scenario, { ...options, server, logDirectory, resources: stage, show })
    results.push(result)
    printResult(process.stdout, result)
    writeResults(options, results)
  }
  return results
}

function writeResults({ json, seconds, rounds, rows }: Options, results: readonly BenchResult[]): void {
  const [{ model = 'unknown' } = {}] = cpus()
  mkdirSync(dirname(json), { recursive: true })
  const machine = { cores: cpus().length, model, node: process.version, platform: process.platform }
  writeFileSync(json, `${JSON.stringify({ machine, seconds, rounds, rows, results }, undefined, 2)}\n`)
}
