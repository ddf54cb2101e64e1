import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { apiKey } from './api-key.js'
import { openCallback } from './callback.js'
import { envelope } from './envelope.js'
import { repetitions } from './hostile-text.js'
import { keySet } from './key-set.js'
import { returnUrl } from './return-url.js'
import { state } from './state.js'
import { struct } from './struct.js'
import type { FuzzTarget } from './target.js'
import { tokenAnswer } from './token-answer.js'

// Every parser that strangers reach. A normal run is short; `npm run fuzz` sets the variables for a long one, and for the
// replay of a failure by its printed seed and path. WWW-Authenticate is not here: nothing of ours parses it.

const { FUZZ_MINUTES, FUZZ_TARGET, FUZZ_SEED, FUZZ_PATH, FUZZ_RUNS } = process.env
const minutes = Number(FUZZ_MINUTES ?? 0)
const targets = [state, returnUrl, tokenAnswer, keySet, envelope, apiKey, struct]
const isWanted = (name: string): boolean => FUZZ_TARGET === undefined || FUZZ_TARGET === name
const longestMs = 60_000 + minutes * 60_000

/** Feeds a target; fast-check prints seed, path and the smallest input that fails. */
async function feed({ name, property, runs }: FuzzTarget): Promise<void> {
  let count = 0
  const counted: typeof property = Object.assign(Object.create(property) as typeof property, {
    run: (...given: Parameters<typeof property.run>) => (count++, property.run(...given)),
  })
  const seed = FUZZ_SEED === undefined ? Date.now() & 0x7fffffff : Number(FUZZ_SEED)
  await fc.assert(counted, {
    seed,
    ...(FUZZ_PATH === undefined ? {} : { path: FUZZ_PATH }),
    numRuns: FUZZ_RUNS !== undefined ? Number(FUZZ_RUNS) : minutes > 0 ? Number.MAX_SAFE_INTEGER : runs,
    ...(minutes > 0 ? { interruptAfterTimeLimit: minutes * 60_000, markInterruptAsFailure: false } : {}),
  })
  if (minutes > 0 || FUZZ_RUNS !== undefined)
    process.stdout.write(`fuzz ${name}: ${count} inputs, seed ${seed}, nothing found\n`)
}

describe('whatever is fed to it, it keeps its promises:', () => {
  for (const target of targets.filter(({ name }) => isWanted(name)))
    test(`${target.name} ${target.attacks}`, () => feed(target), longestMs)
})

const callbackIsWanted = isWanted('callback') ? describe : describe.skip
callbackIsWanted('the callback over HTTP', () => {
  let opened: Awaited<ReturnType<typeof openCallback>>
  beforeAll(async () => {
    opened = await openCallback()
  })
  afterAll(() => opened.close())
  test(
    'answers no query with a 5xx and redirects nowhere off the allowlist (A12) (A30)',
    () => feed(opened.target),
    longestMs,
  )
})

describe('a hundred kilobytes cost time in proportion, not its square:', () => {
  const readers = targets.flatMap(({ name, read }) => (read === undefined || !isWanted(name) ? [] : [{ name, read }]))
  test.each(readers)('$name (A79)', ({ read }) => {
    const slow = repetitions.filter((piece) => {
      const text = piece.repeat(Math.ceil(100_000 / piece.length))
      const started = process.cpuUsage()
      for (const each of [text, `https://${text}`, `${text}.${text}`, `"${text}`]) read(each)
      const { user } = process.cpuUsage(started)
      return user > 1_000_000 // a squared matcher needs 10^10 steps, a straight one milliseconds
    })
    expect(slow).toEqual([])
  })
})

test('the command knows every target, and none besides', () => {
  const command = readFileSync(new URL('../../bin/fuzz.mjs', import.meta.url), 'utf8')
  const [, list = ''] = /const targets = \[([^\]]*)\]/.exec(command) ?? []
  const names = list.split(',').map((each) => each.trim().replaceAll("'", ''))
  expect(names.sort()).toEqual([...targets.map(({ name }) => name), 'callback'].sort())
})
