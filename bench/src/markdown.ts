import type { BenchResult } from './run-scenario.js'

// Owns the table of docs/performance.md.

/** One line per goal, with what was measured in that run. */
export function markdownOf(results: readonly BenchResult[], machine: string): string {
  const rows = results.flatMap((result) => {
    const judged = result.findings.filter(({ goal }) => goal !== '')
    const findings = result.error === undefined ? judged : []
    const own = findings.map(({ what, goal, measured, isMet }, place) => [
      place === 0 ? result.id : '',
      place === 0 ? result.title : '',
      what,
      goal,
      measured,
      isMet === undefined ? 'shown' : isMet ? 'met' : 'missed',
    ])
    return own.length > 0 ? own : [[result.id, result.title, 'did not come to its end', '', '', 'missed']]
  })
  const sides = results.flatMap(({ id, sides }) =>
    sides.map((side) => [
      id,
      side.name,
      String(Math.round(side.perSecond)),
      side.p50Ms.toFixed(1),
      side.p99Ms.toFixed(1),
      side.processes
        .filter(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest !== undefined)
        .map(({ name, cpuMicrosPerRequest = 0 }) => `${name} ${Math.round(cpuMicrosPerRequest)}`)
        .join(', '),
    ]),
  )
  return [
    `Measured on ${machine}.`,
    '',
    ...tableLines(['Id', 'Scenario', 'Number', 'Goal', 'Measured', 'Verdict'], rows),
    '',
    ...tableLines(['Id', 'Side', 'Requests/s', 'p50 ms', 'p99 ms', 'CPU µs per request'], sides),
    '',
  ].join('\n')
}

const tableLines = (columns: readonly string[], rows: readonly (readonly string[])[]): string[] =>
  [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`)

const escapeCell = (text: string): string => text.replaceAll('|', '\\|')
