/** Something the person at the keyboard can act on: printed as its message alone, without a stack trace. */
export class Problem extends Error {
  override readonly name = 'Problem'
}

/** The text to show for anything that was thrown: a `Problem` speaks for itself, all else keeps its stack. */
export function explain(thrown: unknown): string {
  if (thrown instanceof Problem) return thrown.message
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}

/** The message of anything that was thrown, to be quoted inside a sentence. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** Prints what was thrown for the person at the keyboard. */
export function printFailure(thrown: unknown): void {
  process.stderr.write(`\n${explain(thrown)}\n`)
}

/** Node's error code ('ENOENT', '28P01', ...) of anything that was thrown, or undefined. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}
