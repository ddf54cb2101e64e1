import { parseNetworks } from '@dromos/runtime'
import * as z from 'zod'
import { parseReturnUrlRule } from './domain/return-url.js'

// Owns how the text of one variable is read. Does not own which variables there are or how they fit together: config.ts.
// Messages never quote a value of a variable that can hold a secret.

/** Any other word is a mistake that must not silently switch a defence off. */
export const toggle = (fallback: 'true' | 'false') =>
  z
    .string()
    .default(fallback)
    .transform((text) => text.trim().toLowerCase())
    .pipe(z.enum(['true', 'false'], { error: 'use true or false' }))
    .transform((text) => text === 'true')

export const oneOf = <const Word extends string>(words: readonly [Word, ...Word[]], fallback: NoInfer<Word>) =>
  z.enum(words, { error: `use one of ${words.join(', ')}` }).default(fallback)

export const wholeNumber = (range: { min: number; max: number }) => {
  const error = `use a whole number from ${range.min} to ${range.max}`
  return z
    .string()
    .regex(/^\d{1,9}$/, error)
    .transform(Number)
    .pipe(z.number().min(range.min, error).max(range.max, error))
}

const words = z
  .string()
  .default('')
  .transform((text) => text.split(',').map((each) => each.trim()).filter((each) => each !== '')) // prettier-ignore

export const networks = words.superRefine((cidrs, context) => {
  const { invalid } = parseNetworks(cidrs)
  if (invalid.length > 0)
    context.addIssue({ code: 'custom', message: `${invalid.join(', ')}: not a network in CIDR notation` })
})

export const returnUrlRules = words.transform((entries, context) =>
  entries.flatMap((entry) => {
    const rule = parseReturnUrlRule(entry)
    if (rule === undefined)
      context.addIssue({
        code: 'custom',
        message: `"${entry}" is no rule: use app.example.com, *.example.com, https://app.example.com:8443 or http://localhost:*`,
      })
    return rule === undefined ? [] : [rule]
  }),
)

// RFC 9110 section 5.5: what can travel in a header. Short keys can be guessed (ASVS 7.2.3).
export const apiKeys = words.refine((keys) => keys.every((key) => /^[\x21-\x7e]{16,512}$/.test(key)), {
  error: 'each key needs 16 to 512 visible ASCII characters',
})

/** Standard base64 of exactly 32 bytes, in its one canonical spelling. */
export const key = z
  .string({ error: 'is required: 32 random bytes in standard base64 (openssl rand -base64 32)' })
  .transform(toKey)

export const keys = words.transform((texts, context) => texts.map((text) => toKey(text, context)))

function toKey(text: string, context: z.RefinementCtx): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== 32 || bytes.toString('base64') !== text)
    context.addIssue({
      code: 'custom',
      message: 'must be standard base64 of exactly 32 bytes (openssl rand -base64 32)',
    })
  return bytes
}

/** Keys that stand in documents and tests: bytes that repeat, or that count up or down by one step. */
export function isWellKnownKey(bytes: Buffer): boolean {
  const step = ((bytes[1] ?? 0) - (bytes[0] ?? 0)) & 0xff
  return bytes.every((byte, index) => index === 0 || ((byte - (bytes[index - 1] ?? 0)) & 0xff) === step)
}

const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Public URL of the broker, without a trailing slash (contract, fault 30). */
export const baseUrl = z
  .string({ error: 'is required: the URL under which browsers reach the broker' })
  .transform((text) => text.replace(/(?<!\/)\/+$/, ''))
  .superRefine((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    const isHttp = url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback.has(url.hostname))
    if (url === undefined || !isHttp)
      context.addIssue({ code: 'custom', message: 'use an https URL (http only on localhost)' })
    else if (url.username || url.password || url.search || url.hash || /[?#]/.test(text))
      context.addIssue({ code: 'custom', message: 'must have no user name, password, query or fragment' })
  })

export const redirectPath = z
  .string()
  .default('/auth/callback')
  .refine((text) => /^\/[A-Za-z0-9._~/-]*$/.test(text), { error: 'use a path such as /auth/callback' })

export const databaseUrl = z
  .string({ error: 'is required: postgres://user:password@host:5432/database' })
  .refine((text) => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text), {
    error: 'use a URL such as postgres://user:password@host:5432/database',
  })
