import { expect, test } from '@jest/globals'
import { compareTimes, suspiciousT } from './compare-times.js'
import { prepareGuesses } from './guesses.js'

// No time is judged here (`npm run key-timing` does): only that the command would see a leak, and that every guess is refused.

/** Compares as nobody should: the longer the common beginning, the longer it takes. */
const compareNaively = (right: string) => async (guess: string) => {
  for (let at = 0; at < right.length && guess[at] === right[at]; at++) for (let n = 0; n < 100; n++) Math.sqrt(n + at)
}

test('a comparison that ends at the first wrong character is told apart (A62)', async () => {
  const right = 'abcdefghijklmnopqrstuvwxyz'
  const t = await compareTimes([`${right.slice(0, -1)}X`, 'X'.repeat(26)], 1_000, compareNaively(right))
  expect(t).toBeGreaterThan(suspiciousT)
})

test('every guess is refused, and each pair differs in the secret alone (A62)', async () => {
  const { present, pairs } = prepareGuesses()
  expect(pairs).toHaveLength(3)
  for (const { guesses } of pairs) {
    expect(guesses[0]).not.toBe(guesses[1])
    expect(guesses[0]).toHaveLength(guesses[1].length)
    for (const guess of guesses) await present(guess)
  }
})
