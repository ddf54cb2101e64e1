import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Owns what docs/errors.md promises about errors. It is read from the page: what counts is what callers were told.

export type DocumentedError = { http: number; grpc: string }

const page = fileURLToPath(new URL('../../../../docs/errors.md', import.meta.url))
const row = /^\| `([a-z_]+)` \| (\d{3}) \| ([A-Z_]+) \|/

export function readDocumentedErrors(): ReadonlyMap<string, DocumentedError> {
  const rows = readFileSync(page, 'utf8').split('\n')
  const errors = rows.flatMap((line): [string, DocumentedError][] => {
    const [, code, http, grpc] = row.exec(line) ?? []
    return code === undefined || grpc === undefined ? [] : [[code, { http: Number(http), grpc }]]
  })
  if (errors.length === 0) throw new Error('docs/errors.md has no table of errors')
  return new Map(errors)
}

/** Documented, and yet a defect of ours whenever it is met. */
export const defects: ReadonlySet<string> = new Set([
  'internal_error',
  'integrity_error',
  'broker_error',
  'broker_invalid_response',
])
