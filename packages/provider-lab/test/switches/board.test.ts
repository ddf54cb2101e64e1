import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readdir, readFile } from 'node:fs/promises'
import { catalogue, startProviderLab, type LabSwitchMode, type ProviderLab } from '../../src/index.js'
import { clientOf } from '../client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

async function fiveRefreshes(how: LabSwitchMode, turnedOff = 5): Promise<string> {
  const provider = lab.createProvider({ oidc: false, refresh: { mode: 'stable' } })
  const { refreshToken } = provider.issue()
  provider.turnOn('tok.5xx', how)
  let outcomes = ''
  for (let n = 0; n < 5; n++) {
    if (n === turnedOff) provider.turnOff('tok.5xx')
    const { status } = await clientOf(provider).refresh(refreshToken)
    outcomes += status === 200 ? '.' : 'x'
  }
  return outcomes
}

test('a switch acts always, the first n times, or only the nth time', async () => {
  expect(await fiveRefreshes({})).toBe('xxxxx')
  expect(await fiveRefreshes({ mode: 'times', n: 2 })).toBe('xx...')
  expect(await fiveRefreshes({ mode: 'nth', n: 3 })).toBe('..x..')
  expect(await fiveRefreshes({ mode: 'prob', p: 0 })).toBe('.....')
  expect(await fiveRefreshes({ mode: 'prob', p: 1 })).toBe('xxxxx')
})

test('a switch that is turned off acts no more', async () => {
  expect(await fiveRefreshes({}, 3)).toBe('xxx..')
})

test('a switch limited to refreshes leaves the code exchange alone', async () => {
  const provider = lab.createProvider({ oidc: false })
  const client = clientOf(provider)
  provider.turnOn('tok.5xx', { only: 'refresh_token' })
  const connected = await client.connect()
  expect(connected.status).toBe(200)
  expect((await client.refresh(connected.body['refresh_token'])).status).toBe(503)
})

test('probability decides the same way for the same seed', async () => {
  const run = async (): Promise<number[]> => {
    const own = await startProviderLab({ seed: 42 })
    const provider = own.createProvider({ oidc: false, refresh: { mode: 'stable' } })
    const { refreshToken } = provider.issue()
    provider.turnOn('tok.5xx', { mode: 'prob', p: 0.5 })
    const statuses: number[] = []
    for (let n = 0; n < 12; n++) statuses.push((await clientOf(provider).refresh(refreshToken)).status)
    await own.close()
    return statuses
  }
  const [one, other] = [await run(), await run()]
  expect(one).toEqual(other)
  expect(new Set(one)).toEqual(new Set([200, 503]))
})

test('every switch of the catalogue is exercised by a test of this folder', async () => {
  const folder = new URL('.', import.meta.url)
  const files = (await readdir(folder)).filter((file) => file.endsWith('.test.ts'))
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, folder), 'utf8')))
  const all = texts.join('\n')
  expect(Object.keys(catalogue).filter((name) => !all.includes(`'${name}'`))).toEqual([])
})
