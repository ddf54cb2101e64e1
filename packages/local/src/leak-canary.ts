import { appendFileSync } from 'node:fs'
import pg from 'pg'
import { currentTestRun } from './test-run.js'

// Owns the search for secrets of a test run in every place where one could come out: what the provider lab mints, our own API
// keys, states, id_tokens and the harness's encryption keys all have a shape that nothing else has. Finds are written to a
// file of the run; the reporter beside (leak-canary/reporter.mjs) fails the run for them.

const shapes: Readonly<Record<string, RegExp>> = {
  'a code or client secret': /\b(?:code|secret)_[0-9a-f]{32}/,
  'an access or refresh token': /\b[ar]t_\w{1,40}_g\d+_[0-9a-f]{32}/,
  'an API key': /\bdk_[0-9a-z]{16}_[0-9A-Za-z]{43}|operator-key-of-the-tests/,
  'a signed token': /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/,
  'a state': /\beyJ[\w-]{80,}\.[\w-]{43}(?![\w.-])/,
  'an encryption or state key': /leak-canary-key/,
}

/** First bytes of every key the harness makes. */
export const keyMark = 'leak-canary-key'

/** Names of the secrets in a text, also where they are written in hex or base64, twice over if need be. */
export function findLeaks(text: string): string[] {
  const once = decodings(text)
  const readings = [text, ...once, ...once.flatMap(decodings)]
  return Object.entries(shapes).flatMap(([name, shape]) => (readings.some((each) => shape.test(each)) ? [name] : []))
}

const decodings = (text: string): string[] => [
  decode(text, /(?:\\x|\b)((?:[0-9a-f]{2}){24,})/gi, 'hex'),
  decode(text, /([\w+/-]{40,}={0,2})/g, 'base64'),
]

const decode = (text: string, pattern: RegExp, encoding: 'hex' | 'base64'): string =>
  [...text.matchAll(pattern)].map(([, match = '']) => Buffer.from(match, encoding).toString('latin1')).join('\n')

export type Search = { place: string; suite: string; bytes: number; found: string[] }

/** The test file that is calling, by the stack. */
export const suiteOfCaller = (): string => /[\w./-]+\.test\.ts/.exec(new Error('where').stack ?? '')?.[0] ?? 'unknown'

/** Searches a text that secrets must not be in. Without a run of jest that asks for it, does nothing. */
export function searchForLeaks(place: string, suite: string, text: string): void {
  const { leakReport } = currentTestRun()
  if (leakReport === undefined) return
  const search: Search = { place, suite, bytes: text.length, found: findLeaks(text) }
  appendFileSync(leakReport, `${JSON.stringify(search)}\n`)
}

/** Searches every column of every table. Digests and ciphertext pass; a secret in the clear, in text or in bytes, does not. */
export async function searchDatabaseForLeaks(databaseUrl: string, suite: string): Promise<void> {
  if (currentTestRun().leakReport === undefined) return
  const client = new pg.Client({ connectionString: databaseUrl, statement_timeout: 20_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const tables = await client.query<{ name: string }>(
      `select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public'`,
    )
    for (const { name } of tables.rows) {
      // Suites with a million rows prove other things; their newest rows stand for all.
      const { rows } = await client.query<{ row: string }>(`select t::text as row from ${name} t limit 20000`)
      searchForLeaks(`table ${name}`, suite, rows.map(({ row }) => row).join('\n'))
    }
  } catch {
    // A suite may have taken its own database away.
  } finally {
    await client.end().catch(() => undefined)
  }
}
