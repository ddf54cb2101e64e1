// Owns the table of defences in docs/security.md. Does not own taking them out (bin/defences.mjs).
import { readFileSync, writeFileSync } from 'node:fs'
import { defences } from './defences.mjs'

const page = new URL('../../../docs/security.md', import.meta.url)
const [start, end] = ['<!-- defences: written by npm run defences -->', '<!-- end of defences -->']

/** `results`: defences with `isNoticed`. Rows of defences that were not tried this time stay. */
export function writeDefences(results) {
  const text = readFileSync(page, 'utf8')
  const [from, to] = [text.indexOf(start) + start.length, text.indexOf(end)]
  const former = text.slice(from, to).split('\n')
  const rows = defences.flatMap(({ name }) => {
    const result = results.find((each) => each.name === name)
    return result === undefined ? former.filter((row) => row.startsWith(`| ${name} |`)) : [rowOf(result)]
  })
  const table = ['', '| Defence taken out | In | Then |', '|---|---|---|', ...rows, ''].join('\n')
  writeFileSync(page, `${text.slice(0, from)}\n${table}\n${text.slice(to)}`)
}

function rowOf({ name, file, tests, isNoticed }) {
  const where = tests.map((path) => path.split('/test/')[1].replace('.test.ts', '')).join(', ')
  return `| ${name} | \`${file.split('/src/')[1]}\` | ${isNoticed ? 'fails' : 'STILL PASSES'}: ${where} |`
}
