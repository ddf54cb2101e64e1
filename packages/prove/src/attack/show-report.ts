import type { AttackReport } from './attack.js'

/** The report as a person reads it; the JSON has the counts of everything. */
export function* linesOf(report: AttackReport): Generator<string> {
  const { lastWord, processes, violations, unclassified } = report
  const attention = Object.entries(lastWord.attention).map(([reason, count]) => `${reason} ${count}`)
  yield `connections: ${lastWord.intact} hold what their provider holds; attention: ${attention.join(', ') || 'none'}`
  yield `refreshes: ${lastWord.refreshes}, presented again by the provider's count: ${lastWord.reuses}`
  for (const [name, { minutes, firstMb, lastMb, growthMb, slopeMbPerHour, mostOpenFiles, ...heap }] of Object.entries(
    processes,
  ))
    yield `${name.padEnd(12)} ${minutes} min: ${firstMb} to ${lastMb} MB (${growthMb} MB, ${slopeMbPerHour} MB/h), heap floor ${heap.firstHeapFloorMb} to ${heap.lastHeapFloorMb} MB, at most ${mostOpenFiles} open files`
  for (const [error, count] of Object.entries(report.loggedErrors)) yield `logged as an error: ${count} × ${error}`
  for (const [what, { count, sample }] of Object.entries(unclassified))
    yield `x unclassified: ${count} × ${what}: ${sample}`
  for (const [rule, { count, sample }] of Object.entries(violations)) yield `x ${rule}: ${count} ×, first: ${sample}`
}
