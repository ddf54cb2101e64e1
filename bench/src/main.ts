import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { explain, Problem } from '@dromos/local'
import { createResources, printProgress, type Resources, startDatabaseServer } from '@dromos/prove'
import { markdownOf } from './markdown.js'
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
    if (options.markdown) process.stdout.write(`\n${markdownOf(results, describeRun(options, results))}`)
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

function writeResults({ json, seconds, rounds, rows, scale }: Options, results: readonly BenchResult[]): void {
  mkdirSync(dirname(json), { recursive: true })
  writeFileSync(json, `${JSON.stringify({ machine, seconds, rounds, rows, scale, results }, undefined, 2)}\n`)
}

const [{ model = 'unknown processor' } = {}] = cpus()
const machine = { cores: cpus().length, model: model.trim(), node: process.version, platform: process.platform }

/** For example "2026-01-02: 2 cores of a Xeon, Node v20.20.0, linux; load average 0.3 to 2.1; windows of 5 s, 3 a side". */
function describeRun({ seconds, rounds }: Options, results: readonly BenchResult[]): string {
  const loads = results.flatMap(({ loadAverage }) => loadAverage)
  const [lowest, highest] = [Math.min(...loads), Math.max(...loads)].map((each) => each.toFixed(1))
  const day = results[0]?.startedAt.slice(0, 10) ?? ''
  const { cores, node, platform } = machine
  return `${day}: ${cores} cores (${machine.model}), Node ${node}, ${platform}; load average ${lowest} to ${highest}; windows of ${seconds} s, ${rounds} a side`
}
