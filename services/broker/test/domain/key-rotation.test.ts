import { describe, expect, test } from '@jest/globals'
import { afterCount, afterWindow, type Rotation, type Window } from '../../src/domain/key-rotation.js'

const sources = ['first', 'second']
const at = new Date('2026-01-01T00:00:00Z')
const rotation = (change: Partial<Rotation> = {}): Rotation => ({
  keyId: 'k2',
  pass: 1,
  source: 'first',
  position: undefined,
  found: 0,
  lookedAt: 0,
  resealed: 0,
  unopened: {},
  rowsLeft: {},
  retiredKeys: [],
  isPaused: false,
  rowsPerSecond: 1000,
  startedAt: at,
  updatedAt: at,
  finishedAt: undefined,
  ...change,
})
const window = (change: Partial<Window> = {}): Window => ({
  found: 0,
  resealed: {},
  lookedAt: 10,
  unopened: {},
  last: undefined,
  ...change,
})

describe('a rotation', () => {
  test('first counts what each other key seals, and then knows how much of it is left', () => {
    const counting = rotation({ pass: 0 })
    const inside = afterCount(counting, { rows: { k1: 20, k0: 1 }, last: ['r20'] }, sources)
    expect(inside).toMatchObject({ pass: 0, source: 'first', position: ['r20'], rowsLeft: { k1: 20, k0: 1 } })
    const next = afterCount(inside, { rows: { k1: 3 }, last: undefined }, sources)
    expect(next).toMatchObject({ pass: 0, source: 'second', position: undefined })
    const counted = afterCount(next, { rows: {}, last: undefined }, sources)
    expect(counted).toMatchObject({ pass: 1, source: 'first', rowsLeft: { k1: 23, k0: 1 } })
    const worked = afterWindow(counted, window({ last: ['r5'], found: 6, resealed: { k1: 5, k0: 1 } }), sources)
    expect(worked.rotation.rowsLeft).toEqual({ k1: 18, k0: 0 })
  })

  test('goes on in a column until that ends, then takes the next', () => {
    const inside = afterWindow(rotation(), window({ last: ['r10'], found: 10, resealed: { k1: 10 } }), sources)
    expect(inside).toMatchObject({ isOver: false, rotation: { source: 'first', position: ['r10'], resealed: 10 } })
    const next = afterWindow(inside.rotation, window(), sources)
    expect(next).toMatchObject({ isOver: false, rotation: { source: 'second', position: undefined, lookedAt: 20 } })
  })

  test('walks again when the walk found rows of another key, whether they could be changed or not', () => {
    const last = rotation({ source: 'second', found: 3, resealed: 2 })
    expect(afterWindow(last, window(), sources)).toMatchObject({
      isOver: false,
      rotation: { pass: 2, source: 'first', found: 0, resealed: 2 },
    })
  })

  test('is over with a walk that found nothing', () => {
    expect(afterWindow(rotation({ source: 'second', pass: 2, resealed: 7 }), window(), sources).isOver).toBe(true)
  })

  test('is over, and says so, when all it still finds does not open', () => {
    const stuck = rotation({ source: 'second', found: 1, unopened: { k1: 1 } })
    const end = afterWindow(stuck, window({ found: 1, unopened: { k1: 1 } }), sources)
    expect(end).toMatchObject({ isOver: true, rotation: { unopened: { k1: 2 } } })
  })
})
