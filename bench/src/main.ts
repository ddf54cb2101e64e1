import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import type { Shell } from '@dromos/local'
import { createResources, openRunDirectory, printProgress, type Resources, runInterruptible } from '@dromos/prove'
import { markdownOf } from './markdown.js'
import { type Options, readOptions } from './options.js'
import { scenarios } from './registry.js'
import { type BenchResult, runScenario } from './run-scenario.js'
import { printResult } from './show.js'

// Owns `npm run bench`: which scenarios run, one after the other, where the numbers go, and that nothing is left behind.
// Does not own any scenario: scenarios/ does.

/** Returns the exit status: 0 when every chosen scenario met its goals. */
export function runBench(argv: readonly string[], shell: Shell): Promise<number> {
  return runInterruptible(async (resources) => {
    const options = readOptions(argv)
    if (options.lists) {
      for (const { id, title, goal } of scenarios) process.stdout.write(`${id.padEnd(4)} ${title}\n     ${goal}\n`)
      return 0
    }
    const results = await runAll(options, shell, resources)
    if (options.markdown) process.stdout.write(`\n${markdownOf(results, describeRun(options, results))}`)
    return results.every(({ verdict }) => verdict === 'met') ? 0 : 1
  })
}

async function runAll(options: Options, shell: Shell, resources: Resources): Promise<BenchResult[]> {
  const { server, logDirectory, close } = await openRunDirectory('bench', 'safe')
  resources.add(() => close('nothing'))
  const results: BenchResult[] = []
  for (const scenario of options.chosen) {
    process.stdout.write(`\n${scenario.id}  ${scenario.title}\n    goal: ${scenario.goal}\n`)
    const stage = createResources()
    resources.add(() => stage.endAll())
    const show = (line: string): void => printProgress(process.stdout, line)
    const result = await runScenario(scenario, { ...options, shell, server, logDirectory, resources: stage, show })
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
