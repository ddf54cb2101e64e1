import { parseArgs } from 'node:util'
import { compareTimes, suspiciousT } from './compare-times.js'
import { prepareGuesses } from './guesses.js'

// Owns the command `npm run key-timing`: may somebody who times refusals learn an API key?

const usage = `Usage: npm run key-timing -- [options]

Times how long the broker takes to refuse API keys that are wrong in different places, in random turns, and says whether the
times tell them apart (Welch's t; ${suspiciousT} or more either way is suspicious). A machine that does much else may need another run.

  --samples N   guesses of each kind (default 100000)`

/** Runs the command and gives its exit code: 1 when a pair can be told apart. */
export async function compareKeyTimes(words: readonly string[], print: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: { samples: { type: 'string', default: '100000' }, help: { type: 'boolean', default: false } },
  })
  const samples = Number(values.samples)
  if (values.help || !Number.isInteger(samples) || samples < 1_000) {
    print(values.help ? usage : `--samples takes a whole number from 1000\n\n${usage}`)
    return values.help ? 0 : 2
  }
  const { present, pairs } = prepareGuesses()
  let suspicious = 0
  for (const { learns, guesses } of pairs) {
    const t = await compareTimes(guesses, samples, present)
    const isSuspicious = Math.abs(t) >= suspiciousT
    if (isSuspicious) suspicious++
    print(`${isSuspicious ? 'TOLD APART' : 'alike     '}  t = ${t.toFixed(2).padStart(6)}  ${learns}`)
  }
  print(
    suspicious === 0
      ? 'no time tells anything about a key'
      : `${suspicious} of ${pairs.length} can be told apart by time`,
  )
  return suspicious === 0 ? 0 : 1
}
