import { expect } from '@jest/globals'
import fc from 'fast-check'
import { parseApiKey } from '../../../../services/broker/src/domain/caller.js'
import { readPresentedKeys } from '../../../../services/broker/src/domain/presented-key.js'
import { damaged } from './hostile-text.js'
import { type FuzzTarget, unlessRefused } from './target.js'

const genuine = `dk_0123456789abcdef_${'aB3'.repeat(14)}z`
const basic = `Basic ${Buffer.from(genuine.replace(/_(?=[^_]*$)/, ':')).toString('base64')}`
const header = fc.oneof(
  damaged(genuine),
  damaged(`Bearer ${genuine}`),
  damaged(basic),
  fc.base64String().map((text) => `Basic ${text}`),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', ' ', 'Bearer', 'Bearer ', 'Basic', 'Basic =', 'Negotiate x', ','),
)
const read = (apiKeys: readonly string[], authorizations: readonly string[]) =>
  unlessRefused(['invalid_request', 'invalid_api_key'], () => readPresentedKeys({ apiKeys, authorizations }))

/** The credential headers: what comes out is one printable text at most per header; a key is one of our own shape or none. */
export const apiKey: FuzzTarget = {
  name: 'api-key',
  attacks: '(A63)',
  runs: 3000,
  property: fc.property(
    fc.array(header, { maxLength: 3 }),
    fc.array(header, { maxLength: 3 }),
    (keys, authorizations) => {
      const presented = read(keys, authorizations)
      for (const text of [presented?.apiKey, presented?.authorization]) {
        if (text === undefined) continue
        expect(text).toMatch(/^[\x21-\x7e]{1,512}$/)
        const parsed = parseApiKey(text)
        if (parsed !== undefined) expect(`${parsed.keyId}_${parsed.secret}`).toBe(text)
      }
    },
  ),
  read: (text) => {
    read([text], [`Bearer ${text}`])
    read([], [`Basic ${text}`])
    read([], [text])
    parseApiKey(text)
  },
}
