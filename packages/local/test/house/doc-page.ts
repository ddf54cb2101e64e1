import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

// Owns how a test reads a page of the documentation and the sources it speaks of. Does not own what must agree.

export const root = fileURLToPath(new URL('../../../../', import.meta.url))

export const readText = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Cells of one row by the names of the header; code spans keep their back-ticks. */
export type Row = Readonly<Record<string, string>>

/** The rows of every table below a heading (or of the whole page) whose first column has that name. */
export function tableRows(page: string, firstColumn: string, heading?: string): Row[] {
  const lines = (heading === undefined ? page : section(page, heading)).split('\n')
  const rows: Row[] = []
  let header: string[] | undefined
  for (const line of lines) {
    const cells = cellsOf(line)
    if (cells === undefined) header = undefined
    else if (header === undefined) header = cells
    else if (header[0] === firstColumn && !cells.every((cell) => /^-+$/.test(cell)))
      rows.push(Object.fromEntries(header.map((name, index) => [name, cells[index] ?? ''])))
  }
  return rows
}

/** The text between a heading and the next one of its level or above. */
export function section(page: string, heading: string): string {
  const lines = page.split('\n')
  const start = lines.indexOf(heading)
  if (start === -1) throw new Error(`the page has no heading "${heading}"`)
  const level = heading.indexOf(' ')
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level)
  return lines.slice(start + 1, length === -1 ? undefined : start + 1 + length).join('\n')
}

function cellsOf(line: string): string[] | undefined {
  if (!line.startsWith('| ')) return line.startsWith('|--') ? line.split('|').slice(1, -1) : undefined
  return line.slice(1, line.lastIndexOf('|')).split(/(?<!\\)\|/).map((cell) => cell.trim()) // prettier-ignore
}

/** What stands in back-ticks. */
export const codeOf = (cell: string | undefined): string[] =>
  [...(cell ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')

/** What the one code span of a cell says. Throws when there is none. */
export function nameOf(cell: string | undefined): string {
  const [name] = codeOf(cell)
  if (name === undefined) throw new Error(`no name in back-ticks: "${cell}"`)
  return name
}

export type Block = { info: string; text: string }

/** The fenced blocks of a page, in order. */
export const blocksOf = (page: string): Block[] =>
  [...page.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)].map((match) => ({ info: match[1] ?? '', text: match[2] ?? '' }))

/** The members of a union of string literals in a TypeScript source. */
export function unionMembers(path: string, typeName: string): string[] {
  const source = ts.createSourceFile(path, readText(path), ts.ScriptTarget.Latest, true)
  const alias = source.statements.find((each) => ts.isTypeAliasDeclaration(each) && each.name.text === typeName)
  if (alias === undefined || !ts.isTypeAliasDeclaration(alias) || !ts.isUnionTypeNode(alias.type))
    throw new Error(`${path} has no union ${typeName}`)
  return alias.type.types.flatMap((each) =>
    ts.isLiteralTypeNode(each) && ts.isStringLiteral(each.literal) ? [each.literal.text] : [],
  )
}

/** Every TypeScript source below a folder as one text. */
export const sourceText = (folder: string): string =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readText(join(folder, name)))
    .join('\n')
