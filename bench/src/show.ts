import { printFindings } from '@dromos/prove'
import type { BenchResult } from './run-scenario.js'
import { tableOf } from './table.js'

export function printResult(output: NodeJS.WriteStream, result: BenchResult): void {
  if (output.isTTY) output.write('\r\u001b[K')
  if (result.sides.length > 0) output.write(`    ${tableOf(result.sides).join('\n    ')}\n`)
  printFindings(output, result.findings)
  if (result.error !== undefined) output.write(`  x ${result.error}\n`)
  const [before, after] = result.loadAverage.map((each) => each.toFixed(1))
  output.write(
    `  ${result.id} ${result.verdict} in ${result.seconds} s, load average ${before} before, ${after} after\n`,
  )
}
