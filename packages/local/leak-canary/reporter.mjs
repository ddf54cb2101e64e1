// A jest reporter: listens to everything the run writes, and fails the run when a secret of it came out anywhere.
// Does not own what a secret looks like or where suites look for one: src/leak-canary.ts.
import { Buffer } from 'node:buffer'
import { existsSync, readFileSync } from 'node:fs'

export default class LeakCanary {
  #output = []
  #stopListening = []
  #error
  #print

  constructor(_jest, { print = (text) => console.error(text) } = {}) {
    this.#print = print
    for (const stream of [process.stdout, process.stderr]) this.#listen(stream)
  }

  #listen(stream) {
    const { write } = stream
    stream.write = (chunk, ...rest) => {
      this.#output.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1'))
      return write.call(stream, chunk, ...rest)
    }
    this.#stopListening.push(() => (stream.write = write))
  }

  async onRunComplete() {
    for (const stop of this.#stopListening) stop()
    const report = process.env.DROMOS_LEAK_REPORT
    if (report === undefined) return
    const { findLeaks } = await import(new URL('../dist/leak-canary.js', import.meta.url).href)
    const output = this.#output.join('')
    const searches = existsSync(report) ? readFileSync(report, 'utf8').split('\n').filter(Boolean).map(JSON.parse) : []
    searches.push({ place: 'the output of the run', suite: 'any', bytes: output.length, found: findLeaks(output) })
    const leaks = searches.filter(({ found }) => found.length > 0)
    const lines = leaks.map(({ place, suite, found }) => `  ${found.join(', ')} in ${place} (${suite})`)
    const bytes = searches.reduce((sum, each) => sum + each.bytes, 0)
    const places = `${searches.length} places, ${(bytes / 1e6).toFixed(1)} MB`
    if (leaks.length > 0) this.#error = new Error(`secrets of the tests came out:\n${[...new Set(lines)].join('\n')}`)
    this.#print(this.#error?.message ?? `leak canary: ${places}, no secret found`)
  }

  getLastError() {
    return this.#error
  }
}
