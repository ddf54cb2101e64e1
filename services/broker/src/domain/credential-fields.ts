import type { UrlVariable } from './provider.js'

// Owns the fields of a form that asks a person for values, and how submitted text becomes typed values.
// Does not own validation: credential-schema.ts and url-variables.ts decide what is accepted.

export type JsonSchema = Readonly<Record<string, unknown>>

export type FormField = {
  name: string
  label: string
  description: string | undefined
  input: 'text' | 'password' | 'number' | 'checkbox' | 'select' | 'textarea'
  isRequired: boolean
  /** Anchored at both ends, as HTML reads it; undefined when the schema's pattern is not. */
  pattern: string | undefined
  maxLength: number | undefined
  example: string | undefined
  /** Choices of a select. */
  options: readonly string[]
  /** What the field shows at first. */
  initial: string | undefined
  /** Secret values are never put into a page again. */
  isSecret: boolean
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields of a credential schema with their own schemas, in the order they are written. */
export const fieldSchemasOf = (schema: JsonSchema): [string, JsonSchema][] =>
  isRecord(schema.properties)
    ? Object.entries(schema.properties).map(([name, field]) => [name, isRecord(field) ? field : {}])
    : []

/** Derives the form from a credential schema that passed `schemaProblems`. `needed` are fields the strategy cannot do without. */
export function credentialFields(schema: JsonSchema, needed: readonly string[]): FormField[] {
  const required = new Set<unknown>(Array.isArray(schema.required) ? schema.required : [])
  return fieldSchemasOf(schema).map(([name, field]) => {
    const isSecret = isSecretField(name, field)
    const input = inputOf(field, isSecret)
    return {
      name,
      label: text(field.title) ?? labelOf(name),
      description: text(field.description),
      input,
      isRequired: needed.includes(name) || required.has(name),
      pattern: anchored(text(field.pattern)),
      maxLength: typeof field.maxLength === 'number' ? field.maxLength : undefined,
      example: text(Array.isArray(field.examples) ? field.examples[0] : field.example),
      options: Array.isArray(field.enum) ? field.enum.map(String) : [],
      initial: isSecret ? undefined : text(field.default),
      isSecret,
    }
  })
}

/** The form for a provider's URL placeholders. */
export const variableFields = (variables: readonly UrlVariable[]): FormField[] =>
  variables.map((variable) => ({
    name: variable.name,
    label: variable.title,
    description: variable.description,
    input: 'text',
    isRequired: true,
    pattern: variable.pattern,
    maxLength: 253,
    example: variable.example,
    options: [],
    initial: undefined,
    isSecret: false,
  }))

/**
 * Turns the text of a submitted form into typed values: what the schema calls a number or boolean becomes one, empty text
 * means that nothing was given. Text that is no number stays text, so that the schema refuses it.
 */
export function readForm(schema: JsonSchema, form: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = fieldSchemasOf(schema).map(([name, field]): [string, unknown] => [name, typed(field, form[name])])
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

const decimal = /^-?\d{1,15}(\.\d{1,15})?$/

function typed(field: JsonSchema, given: unknown): unknown {
  if (field.type === 'boolean') return given !== undefined
  if (given === undefined || given === '') return undefined
  const isNumber = field.type === 'number' || field.type === 'integer'
  return isNumber && typeof given === 'string' && decimal.test(given) ? Number(given) : given
}

function inputOf(field: JsonSchema, isSecret: boolean): FormField['input'] {
  if (Array.isArray(field.enum)) return 'select'
  if (field.type === 'boolean') return 'checkbox'
  if (field.type === 'number' || field.type === 'integer') return 'number'
  const isLong = (typeof field.maxLength === 'number' && field.maxLength > 1024) || field.contentMediaType !== undefined
  if (isLong) return 'textarea'
  return isSecret ? 'password' : 'text'
}

const secretName = /pass|secret|token|key|credential|private|signature|(^|_)pin($|_)/i
const publicName = /^access_key$|_id$|^public/i

/** `format: password` and `writeOnly` decide; else the name does, in doubt for secrecy. */
function isSecretField(name: string, field: JsonSchema): boolean {
  if (field.format === 'password' || field.writeOnly === true) return true
  const isChoice = field.type !== 'string' || Array.isArray(field.enum)
  return !isChoice && field.writeOnly !== false && secretName.test(name) && !publicName.test(name)
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : undefined

// JSON Schema patterns match anywhere, HTML's match the whole value.
const anchored = (pattern: string | undefined): string | undefined =>
  pattern?.startsWith('^') === true && pattern.endsWith('$') && !pattern.includes('|') ? pattern : undefined

/** Words for a field that has no title: `api_key` reads "API key". */
export const labelOf = (name: string): string => {
  const words = name.replaceAll(/[_-]+/g, ' ').trim()
  const label = words.charAt(0).toUpperCase() + words.slice(1)
  return label.replaceAll(/\b(api|id|url)\b/gi, (initials) => initials.toUpperCase())
}
