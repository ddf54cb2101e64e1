import { expect } from '@jest/globals'
import fc from 'fast-check'
import { approved } from '../../../../services/broker/test/harness/person.js'
import { startTestBroker } from '../../../../services/broker/test/harness/test-broker.js'
import { damaged, oddName } from './hostile-text.js'
import type { FuzzTarget } from './target.js'

// The callback as a browser reaches it: the real broker, its real query parser, over real HTTP.

const name = fc.oneof(
  fc.constantFrom('state', 'code', 'error', 'iss', 'error_description', 'state[]', 'code[x]'),
  oddName,
)

/** The query of a callback: always one of the documented refusals, never a 5xx, never a redirect off the allowlist. */
export async function openCallback(): Promise<{ target: FuzzTarget; close(): Promise<void> }> {
  const broker = await startTestBroker()
  const { callbackUrl, cookie } = await approved(broker)
  const { pathname, search } = new URL(callbackUrl)
  const state = new URL(callbackUrl).searchParams.get('state') ?? ''
  const value = fc.oneof(
    fc.constant(state),
    damaged(state),
    fc.string({ unit: 'binary' }),
    fc.constant('x'.repeat(9000)),
  )
  const parameters = fc.array(fc.tuple(name, value), { maxLength: 5 })
  const query = fc.oneof(
    parameters.map((pairs) => new URLSearchParams(pairs).toString()),
    damaged(search.slice(1)).map((text) => text.replaceAll('#', '')),
  )
  const target: FuzzTarget = {
    name: 'callback',
    attacks: '(A12) (A30)',
    runs: 150,
    property: fc.asyncProperty(query, fc.constantFrom(cookie, '', 'a=b'), async (text, jar) => {
      const headers = jar === '' ? {} : { cookie: jar }
      const answer = await broker.call('GET', `${pathname}?${text}`, { key: null, headers })
      expect([302, 400, 403, 409, 410, 414, 431]).toContain(answer.status)
      const location = answer.headers.get('location')
      if (location !== null) expect(new URL(location).origin).toBe('https://app.example.com')
      if (answer.status !== 302) expect(String(answer.body.code)).toMatch(/^[a-z_]+$/)
    }),
  }
  return { target, close: () => broker.close() }
}
