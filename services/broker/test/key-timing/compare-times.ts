// Owns the statistics of a timing attack: two inputs in random turns, and Welch's t of the times they took. Does not own what
// is timed.

/** Beyond this, two series differ by more than chance (the usual bound of leakage tests; ISO/IEC 17825). */
export const suspiciousT = 4.5

/** Interruptions take longer than any leak: what is slower than this share of all samples says nothing. */
const keptShare = 0.9

/**
 * Times `work` on each of two inputs, `samples` times each and in random turns, so that whatever else the machine does meets
 * both. Answers Welch's t: below `suspiciousT` either way, nobody can tell the inputs apart from so many samples.
 */
export async function compareTimes<Input>(
  [one, other]: readonly [Input, Input],
  samples: number,
  work: (input: Input) => Promise<unknown>,
): Promise<number> {
  const times: [number[], number[]] = [[], []]
  const warmUp = Math.min(2_000, samples)
  while (Math.min(times[0].length, times[1].length) < samples + warmUp) {
    const isOther = Math.random() < 0.5
    const began = process.hrtime.bigint()
    await work(isOther ? other : one)
    times[isOther ? 1 : 0].push(Number(process.hrtime.bigint() - began))
  }
  const counted = times.map((each) => each.slice(warmUp))
  const sorted = counted.flat().sort((a, b) => a - b)
  const slowest = sorted[Math.floor(sorted.length * keptShare)] ?? Infinity
  const [first = [], second = []] = counted.map((each) => each.filter((time) => time <= slowest))
  return welch(first, second)
}

function welch(first: readonly number[], second: readonly number[]): number {
  const [a, b] = [momentsOf(first), momentsOf(second)]
  return (a.mean - b.mean) / Math.sqrt(a.variance / first.length + b.variance / second.length)
}

function momentsOf(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, each) => sum + each, 0) / values.length
  const variance = values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (values.length - 1)
  return { mean, variance }
}
