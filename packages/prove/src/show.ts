import type { Finding } from './proof.js'
import type { ProofResult } from './run-proof.js'

/** On a terminal the line replaces the one before. */
export function printProgress(output: NodeJS.WriteStream, line: string): void {
  output.write(output.isTTY ? `\r\u001b[K    ${line}` : `    ${line}\n`)
}

export function printResult(output: NodeJS.WriteStream, result: ProofResult): void {
  if (output.isTTY) output.write('\r\u001b[K')
  printFindings(output, result.findings)
  if (result.error !== undefined) output.write(`  x ${result.error}\n`)
  output.write(`  ${result.id} ${result.verdict} in ${result.seconds} s\n`)
}

export function printFindings(output: NodeJS.WriteStream, findings: readonly Finding[]): void {
  for (const { what, goal, measured, isMet } of findings) {
    const mark = isMet === undefined ? ' ' : isMet ? '+' : 'x'
    output.write(`  ${mark} ${what.padEnd(52)} ${goal.padEnd(12)} ${measured}\n`)
  }
}
