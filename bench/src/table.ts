import type { Side } from './side.js'

// Owns how sides are written in columns.

type Row = Record<string, string>

/** One line per side, the first one names the columns. */
export function tableOf(sides: readonly Side[]): string[] {
  const rows = sides.map(rowOf)
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ''))]
  const widths = columns.map((_, place) => Math.max(...cells.map((line) => line[place]?.length ?? 0)))
  return cells.map((line) =>
    line
      .map((cell, place) => (place === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[place] ?? 0)))
      .join('  '),
  )
}

function rowOf(side: Side): Row {
  const costs = side.processes.map((each) => [`${each.name} µs`, whole(each.cpuMicrosPerRequest)] as const)
  const sizes = side.processes
    .filter(({ name }) => name !== 'PostgreSQL')
    .map((each) => [`${each.name} MB`, whole(each.rssMb)] as const)
  return {
    '': side.name,
    'per s': whole(side.perSecond),
    'p50 ms': tenths(side.p50Ms),
    'p99 ms': tenths(side.p99Ms),
    ...Object.fromEntries([...costs, ...sizes]),
  }
}

export const whole = (value: number | undefined): string => (value === undefined ? '' : String(Math.round(value)))
export const tenths = (value: number): string => value.toFixed(1)
