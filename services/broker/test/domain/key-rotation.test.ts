import { describe, expect, test } from '@jest/globals'
import { afterWindow, type Rotation, type Window } from '../../src/domain/key-rotation.js'

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
  resealed: 0,
  lookedAt: 10,
  unopened: {},
  last: undefined,
  ...change,
})

describe('a rotation', () => {
  test('goes on in a column until that ends, then takes the next', () => {
    const inside = afterWindow(rotation(), window({ last: ['r10'], found: 10, resealed: 10 }), sources)
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
