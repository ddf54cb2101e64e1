import { expect, test } from '@jest/globals'
import { presets } from '../../src/index.js'
import { startControlledLab } from '../control/control.js'
import { rowsUnder } from './readme.js'

test('the README lists every call of the control API with its line, and none besides', async () => {
  const { ask, close } = await startControlledLab()
  const { body } = await ask<Array<Record<'method' | 'path' | 'does', string>>>('GET', '/ctl')
  const inCode = body.map(({ method, path, does }) => [`${method} ${path}`, does])
  expect(rowsUnder('Call')).toEqual(inCode)
  await close()
})

test('the README lists every preset with its line, and none besides', () => {
  expect(rowsUnder('Preset')).toEqual(Object.entries(presets).map(([name, { does }]) => [name, does]))
})
