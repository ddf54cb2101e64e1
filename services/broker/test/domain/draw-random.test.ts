import { expect, test } from '@jest/globals'
import { drawRandom } from '../../src/domain/draw-random.js'

test('random bytes are never given twice, also when what was drawn at once is used up', () => {
  const given = Array.from({ length: 5_000 }, () => drawRandom(12))
  expect(given.every((bytes) => bytes.length === 12)).toBe(true)
  expect(new Set(given.map((bytes) => bytes.toString('hex'))).size).toBe(5_000)
})

test('who keeps random bytes keeps them when others draw', () => {
  const kept = drawRandom(32)
  const before = kept.toString('hex')
  for (let turn = 0; turn < 500; turn++) drawRandom(32)
  expect(kept.toString('hex')).toBe(before)
})

test('every bit of random bytes is set about half of the time', () => {
  const rounds = 4_000
  const counts = new Array<number>(256).fill(0)
  for (let round = 0; round < rounds; round++)
    drawRandom(32).forEach((byte, at) => {
      for (let bit = 0; bit < 8; bit++) counts[at * 8 + bit]! += (byte >> bit) & 1
    })
  // Eight standard deviations: a right generator misses it in less than one of 10^12 runs.
  const tolerance = 8 * Math.sqrt(rounds / 4)
  expect(counts.filter((count) => Math.abs(count - rounds / 2) > tolerance)).toEqual([])
})

test('more than is drawn at once is refused, not cut short', () => {
  expect(() => drawRandom(4_097)).toThrow('at most 4096 random bytes at once')
})
