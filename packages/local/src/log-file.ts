import { existsSync, readFileSync, statSync } from 'node:fs'

/** The size of a log, to read later what was added; 0 when there is none yet. */
export function logSize(logFile: string): number {
  return existsSync(logFile) ? statSync(logFile).size : 0
}

/** What was written to the log since it had that size: at most its last 20 lines. */
export function logSince(logFile: string, size: number): string {
  const added = readFileSync(logFile).subarray(size).toString('utf8').trimEnd()
  return added.split('\n').slice(-20).join('\n')
}
