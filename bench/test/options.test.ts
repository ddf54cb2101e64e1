import { describe, expect, test } from '@jest/globals'
import { readOptions } from '../src/options.js'

const against = ['--against', 'http://127.0.0.1:8090', '--api-key', 'key', '--connection', 'cn_1']

describe('the options of npm run bench', () => {
  test('without a name every scenario with a goal runs, with names those, in their order', () => {
    expect(readOptions([]).chosen.map(({ id }) => id)).toEqual(['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8'])
    expect(readOptions(['p3', 'options', 'P1']).chosen.map(({ id }) => id)).toEqual(['P1', 'P3', 'options'])
  })

  test.each([
    [['P99'], 'there is no scenario P99'],
    [['--seconds', '0'], '--seconds: give a number from 0.1 to 600'],
    [['--rounds', 'three'], '--rounds: give a number from 1 to 100'],
    [['--rows', '-1'], "--rows' argument is ambiguous"],
    [['--fast'], "Unknown option '--fast'"],
    [['P5', '--profile', 'broker', '--profile-to', 'a.cpuprofile'], 'P5 starts brokers of its own'],
    [['--against', 'http://127.0.0.1:8090'], '--against needs --api-key and --connection'],
    [
      ['--against', 'https://gateway.example', ...against.slice(2)],
      '--against: give the origin of a plain HTTP server',
    ],
  ])('%j is refused with a sentence', (argv, sentence) => {
    expect(() => readOptions(argv)).toThrow(sentence)
  })

  test('another server is measured with its own key and connection', () => {
    const { url, ...rest } = readOptions(against).against ?? {}
    expect([url?.host, rest]).toEqual(['127.0.0.1:8090', { apiKey: 'key', connectionId: 'cn_1', provider: undefined }])
  })
})
