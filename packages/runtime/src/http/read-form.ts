import { ServiceError } from '@dromos/contract'
import type { RequestHandler } from 'express'
import { bodyReader, readText } from './read-body.js'

const formType = 'application/x-www-form-urlencoded'

/** True for the content type of an HTML form, with or without parameters. */
export const isForm = (contentType: string): boolean => contentType.split(';', 1)[0]?.trim().toLowerCase() === formType

/**
 * Reads an HTML form: `request.body` becomes a record of its fields, a list where a name stands more than once. A body of another
 * content type is dropped. Throws `payload_too_large` for more than `maxFields`, and as `bodyReader` and `readText` do.
 */
export const readForm = (maxFields: number): RequestHandler =>
  bodyReader((bytes, contentType) => {
    if (!isForm(contentType)) return undefined
    const pairs = new URLSearchParams(readText(bytes, contentType))
    if (pairs.size > maxFields) throw new ServiceError('payload_too_large', `send at most ${maxFields} fields`)
    const names = new Set(pairs.keys())
    return Object.fromEntries([...names].map((name) => [name, oneOrAll(pairs.getAll(name))]))
  })

const oneOrAll = (values: readonly string[]): string | readonly string[] | undefined =>
  values.length === 1 ? values[0] : values
