import { expect, test } from '@jest/globals'
import { rememberOpenConsents } from '../../src/postgres/open-consents.js'

const startedWith = (open: number) => {
  let nowMs = 0
  const consents = rememberOpenConsents(() => nowMs)
  consents.note('acme', open)
  return { consents, advance: (ms: number) => void (nowMs += ms) }
}

test('a tenant far from its limit is counted once a second', () => {
  const { consents, advance } = startedWith(3)
  expect(consents.isFarFrom(1_000, 'acme')).toBe(true)
  advance(999)
  expect(consents.isFarFrom(1_000, 'acme')).toBe(true)
  advance(1)
  expect(consents.isFarFrom(1_000, 'acme')).toBe(false)
})

test('what was let through counts, also when a later count does not show it yet', () => {
  const { consents } = startedWith(4)
  expect([1, 2].map(() => consents.isFarFrom(10, 'acme'))).toEqual([true, false])
  consents.note('acme', 4)
  expect(consents.isFarFrom(10, 'acme')).toBe(false)
})

test('a tenant nobody counted is counted', () => {
  expect(startedWith(0).consents.isFarFrom(1_000, 'globex')).toBe(false)
})

test('a tenant whose consents were answered has room again after a second', () => {
  const { consents, advance } = startedWith(9)
  advance(1_000)
  consents.note('acme', 1)
  expect(consents.isFarFrom(10, 'acme')).toBe(true)
})
