import { schemaLimits, ServiceError } from '@dromos/contract'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import ajvFormats from 'ajv-formats'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { fieldSchemasOf, isRecord, type JsonSchema } from './credential-fields.js'
import type { StaticProvider } from './provider.js'
import { problemOfValue, requiredFields } from './strategy.js'

// Owns what a person may type into the form of a static provider: which schemas are accepted at registration and which
// values at capture. Does not own how the form looks (credential-fields.ts, http/pages).

/** One thing wrong with what was submitted. `field` is a name of the schema, undefined for the whole; never a value. */
export type FieldProblem = { field: string | undefined; message: string }

/** `invalid_credentials` that keeps apart what is wrong where, so that a page can say it beside the field. */
export class RefusedFields extends ServiceError {
  constructor(readonly problems: readonly FieldProblem[]) {
    const list = problems.map(({ field, message }) => `${field ?? 'credentials'} ${message}`)
    super('invalid_credentials', list.join('; '))
  }
}

/** What is wrong with a credential schema; empty when it can be used with a strategy that needs `required`. */
export function schemaProblems(schema: JsonSchema, required: readonly string[]): string[] {
  const text = JSON.stringify(schema)
  if (Buffer.byteLength(text) > schemaLimits.schemaBytes) return [`must have at most ${schemaLimits.schemaBytes} bytes`]
  if (schema.type !== 'object' || !isRecord(schema.properties))
    return ['must have the type "object" and list its fields in "properties"']
  const problems = [...structureProblems(schema, 1), ...fieldProblems(schema, required)]
  return problems.length > 0 ? [...new Set(problems)] : compileProblems(schema)
}

// A reference could name another document or recurse; a form of a few fields needs neither.
const references = new Set(['$ref', '$dynamicRef', '$recursiveRef'])

function structureProblems(value: unknown, depth: number): string[] {
  if (typeof value !== 'object' || value === null) return []
  if (depth > schemaLimits.depth) return [`must not be nested deeper than ${schemaLimits.depth} levels`]
  return Object.entries(value).flatMap(([name, member]) =>
    references.has(name) && typeof member === 'string'
      ? ['must not hold references ($ref): write the field out']
      : structureProblems(member, depth + 1),
  )
}

const reservedNames = new Set(['__proto__', 'constructor', 'prototype', '_csrf'])
const scalarTypes = new Set<unknown>(['string', 'number', 'integer', 'boolean'])

function fieldProblems(schema: JsonSchema, required: readonly string[]): string[] {
  const fields = fieldSchemasOf(schema)
  const problems = fields
    .filter(([name, field]) => reservedNames.has(name) || name.length > 128 || !scalarTypes.has(field.type))
    .map(
      ([name]) => `properties.${name.slice(0, 128)}: must be a string, number, integer or boolean with a usable name`,
    )
  if (fields.length === 0 || fields.length > schemaLimits.fields)
    problems.push(`properties: must list 1 to ${schemaLimits.fields} fields`)
  const types = new Map(fields.map(([name, field]) => [name, field.type]))
  const missing = required.filter((name) => types.get(name) !== 'string')
  return [...problems, ...missing.map((name) => `properties.${name}: is needed by the strategy, as a string`)]
}

function compileProblems(schema: JsonSchema): string[] {
  try {
    compile(schema)
    return []
  } catch {
    return ['is not a valid JSON Schema (draft 2020-12, or draft-07 when "$schema" says so)']
  }
}

/**
 * Checks submitted credentials against the provider's schema and what its strategy needs, and gives back exactly the
 * values to seal. Types are strict: nothing is coerced or filled in. Throws `RefusedFields`.
 */
export function checkCredentials(
  provider: Pick<StaticProvider, 'credentialSchema' | 'strategy'>,
  submitted: unknown,
): Record<string, unknown> {
  const values = flatValues(submitted)
  const validate = compile(provider.credentialSchema)
  const problems = validate(values) ? [] : (validate.errors ?? []).map(describe)
  for (const field of requiredFields(provider.strategy)) {
    const message = problems.some((problem) => problem.field === field)
      ? undefined
      : problemOfValue(provider.strategy, field, values[field])
    if (message !== undefined) problems.push({ field, message })
  }
  const [first, ...rest] = problems
  if (first !== undefined) throw new RefusedFields(onePerField([first, ...rest]))
  return values
}

/** Sizes and shapes, before any pattern of the schema sees a value. */
function flatValues(submitted: unknown): Record<string, unknown> {
  if (!isRecord(submitted)) throw new RefusedFields([{ field: undefined, message: 'must be an object' }])
  const entries = Object.entries(submitted)
  const isTooMuch = entries.length > schemaLimits.fields
  const isTooLong = entries.some(
    ([, value]) => typeof value === 'string' && Buffer.byteLength(value) > schemaLimits.valueBytes,
  )
  if (isTooMuch || isTooLong) {
    const message = `must be at most ${schemaLimits.fields} fields of ${schemaLimits.valueBytes} bytes each`
    throw new RefusedFields([{ field: undefined, message }])
  }
  if (entries.some(([, value]) => typeof value === 'object'))
    throw new RefusedFields([{ field: undefined, message: 'must be text, numbers or true and false, not nested' }])
  return Object.fromEntries(entries)
}

function compile(schema: JsonSchema): ValidateFunction {
  // ownProperties: a field named like a member of Object.prototype must not count as given.
  const options = { allErrors: true, strict: false, ownProperties: true, logger: false } as const
  const isDraft7 = typeof schema.$schema === 'string' && /draft-0[67]\/schema/.test(schema.$schema)
  const ajv = isDraft7 ? new Ajv(options) : new Ajv2020(options)
  ajvFormats.default(ajv)
  const isOpen = ['additionalProperties', 'unevaluatedProperties', 'patternProperties'].some((name) => name in schema)
  return ajv.compile(isOpen ? schema : { ...schema, additionalProperties: false })
}

const kinds: Readonly<Record<string, string>> = {
  string: 'must be text',
  number: 'must be a number',
  integer: 'must be a whole number',
  boolean: 'must be true or false',
}

function describe(error: ErrorObject): FieldProblem {
  const pointed = error.instancePath.split('/')[1]?.replaceAll('~1', '/').replaceAll('~0', '~')
  const missing: unknown = error.params.missingProperty
  const field = pointed ?? (typeof missing === 'string' ? missing : undefined)
  return { field, message: field === undefined ? describeWhole(error) : describeField(error) }
}

// The name of an unknown field is the caller's text and may be a misplaced secret: it is not repeated.
const describeWhole = (error: ErrorObject): string =>
  ['additionalProperties', 'unevaluatedProperties'].includes(error.keyword)
    ? 'hold a field that the schema does not list'
    : 'do not fit together'

function describeField({ keyword, params }: ErrorObject): string {
  switch (keyword) {
    case 'required':
    case 'dependentRequired':
      return 'is required'
    case 'type':
      return kinds[String(params.type)] ?? 'has the wrong type'
    case 'minLength':
      return params.limit === 1 ? 'is required' : `must have at least ${params.limit} characters`
    case 'maxLength':
      return `must have at most ${params.limit} characters`
    case 'minimum':
    case 'exclusiveMinimum':
    case 'maximum':
    case 'exclusiveMaximum':
      return `must be ${params.comparison} ${params.limit}`
    case 'format':
      return `must have the format ${params.format}`
    case 'enum':
    case 'const':
      return 'must be one of the listed values'
    case 'pattern':
      return 'does not have the expected form'
    default:
      return 'is not valid'
  }
}

function onePerField(problems: readonly FieldProblem[]): FieldProblem[] {
  const seen = new Map<string | undefined, FieldProblem>()
  for (const problem of problems) if (!seen.has(problem.field)) seen.set(problem.field, problem)
  return [...seen.values()]
}
