import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { type SharedWork, shareStatements } from '../../src/postgres/share-statements.js'

/** Statements that answer when they are told to. */
function given(work: Omit<SharedWork<string, string>, 'run'>) {
  const begun: string[] = []
  const ends: (() => void)[] = []
  const ask = shareStatements<string, string>({
    ...work,
    run: (batch) =>
      new Promise((resolve) => {
        begun.push(batch.join(''))
        ends.push(() => resolve(batch.map((item) => item.toUpperCase())))
      }),
  })
  const askAll = (items: string) => Promise.all([...items].map(ask))
  return { begun, ask: askAll, end: (): void => ends.shift()?.() }
}

test('a statement that is full begins at once, one that is not when the turn is over', async () => {
  const { begun, ask } = given({ atOnce: 3, mostItems: 2 })
  void ask('abcde')
  expect(begun).toEqual(['ab', 'cd'])
  await nextTurn()
  expect(begun).toEqual(['ab', 'cd', 'e'])
})

test('no more statements are under way than may be, full ones neither, and everybody gets an own answer', async () => {
  const { begun, ask, end } = given({ atOnce: 1, mostItems: 2 })
  const answers = ask('abcde')
  await nextTurn()
  expect(begun).toEqual(['ab'])
  for (const next of ['cd', 'e', undefined]) {
    end()
    await nextTurn()
    await nextTurn()
    expect(begun.at(-1)).toBe(next ?? 'e')
  }
  expect(await answers).toEqual(['A', 'B', 'C', 'D', 'E'])
})

test('full ones too keep their distance where that is asked for', async () => {
  const { begun, ask } = given({ atOnce: 3, mostItems: 2, everyMs: 3_600_000 })
  void ask('abcd')
  await nextTurn()
  expect(begun).toEqual(['ab'])
})
