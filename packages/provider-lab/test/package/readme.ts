import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const packageFolder = fileURLToPath(new URL('../..', import.meta.url))
export const readme = readFileSync(`${packageFolder}/README.md`, 'utf8')

/** The code block whose info string ends in this file name. */
export function blockNamed(fileName: string): string {
  const found = new RegExp('^```\\w+ ' + fileName.replace('.', '\\.') + '\\n([^]*?)^```$', 'm').exec(readme)
  if (!found?.[1]) throw new Error(`the README has no block ${fileName}`)
  return found[1]
}

/** Rows of the table under a heading cell, backticks and escapes removed. */
export function rowsUnder(heading: string): string[][] {
  const [, table = ''] = new RegExp(`^\\| ${heading} \\|.*\\n\\|[-|]+\\|\\n((?:\\|.*\\n)+)`, 'm').exec(readme) ?? []
  const cells = (line: string): string[] => line.replaceAll('\\|', '¦').split('|').slice(1, -1)
  return table
    .trimEnd()
    .split('\n')
    .map((line) => cells(line).map((cell) => cell.trim().replaceAll('`', '').replaceAll('¦', '|')))
}
