import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { checkProfile } from '../../src/domain/check-profile.js'
import { checkCredentials, RefusedFields, schemaProblems } from '../../src/domain/credential-schema.js'
import type { StrategyDefinition } from '../../src/domain/strategy.js'

const apiKey: StrategyDefinition = { type: 'header', config: { credential_field: 'api_key' } }
const schema = {
  type: 'object',
  properties: {
    api_key: { type: 'string', minLength: 8 },
    region: { type: 'string', enum: ['eu', 'us'] },
    port: { type: 'integer', minimum: 1 },
    is_sandbox: { type: 'boolean' },
  },
  required: ['api_key'],
}
const given = { api_key: 'key-0123456789', region: 'eu', port: 443, is_sandbox: true }
const check = (submitted: unknown, credentialSchema: Record<string, unknown> = schema) =>
  checkCredentials({ credentialSchema, strategy: apiKey }, submitted)

function problemsOf(work: () => unknown): unknown {
  try {
    work()
    return []
  } catch (error) {
    if (error instanceof RefusedFields) return error.problems
    throw error
  }
}

describe('submitted credentials', () => {
  test('that fit the schema come back as they are', () => {
    expect(check(given)).toEqual(given)
  })

  test.each([
    ['nothing at all', undefined, undefined, 'must be an object'],
    ['null', null, undefined, 'must be an object'],
    ['a list', ['key'], undefined, 'must be an object'],
    ['no field', {}, 'api_key', 'is required'],
    ['an empty needed field', { api_key: '' }, 'api_key', 'must have at least 8 characters'],
    ['a short field', { api_key: 'k' }, 'api_key', 'must have at least 8 characters'],
    ['a number as text', { ...given, port: '443' }, 'port', 'must be a whole number'],
    ['text as a boolean', { ...given, is_sandbox: 'true' }, 'is_sandbox', 'must be true or false'],
    ['a number below its minimum', { ...given, port: 0 }, 'port', 'must be >= 1'],
    ['another choice', { ...given, region: 'moon' }, 'region', 'must be one of the listed values'],
    [
      'a nested value',
      { ...given, region: { a: 1 } },
      undefined,
      'must be text, numbers or true and false, not nested',
    ],
    ['a null', { ...given, region: null }, undefined, 'must be text, numbers or true and false, not nested'],
    [
      'a line break in a header value',
      { api_key: 'key-01234\r\nX-Admin: 1' },
      'api_key',
      'must not hold line breaks, accents or spaces at its ends',
    ],
    [
      'a pasted space',
      { api_key: 'key-0123456789 ' },
      'api_key',
      'must not hold line breaks, accents or spaces at its ends',
    ],
  ])('with %s are refused by field (fault 25)', (_what, submitted, field, message) => {
    expect(problemsOf(() => check(submitted))).toEqual([{ field, message }])
  })

  test('with an unknown field are refused without repeating its name', () => {
    expect(problemsOf(() => check({ ...given, 'sk-live-canary': 'x' }))).toEqual([
      { field: undefined, message: 'hold a field that the schema does not list' },
    ])
  })

  test('may hold unknown fields when the schema says so', () => {
    expect(check({ ...given, note: 'x' }, { ...schema, additionalProperties: true })).toEqual({ ...given, note: 'x' })
  })

  test('of too many fields or too many bytes are refused before any pattern runs', () => {
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`f${index}`, 'x']))
    const message = 'must be at most 50 fields of 8192 bytes each'
    const open = { ...schema, additionalProperties: true }
    expect(problemsOf(() => check(many, open))).toEqual([{ field: undefined, message }])
    expect(problemsOf(() => check({ api_key: 'é'.repeat(4097) }, open))).toEqual([{ field: undefined, message }])
  })

  test('cannot borrow a field from Object.prototype', () => {
    const sly = {
      type: 'object',
      properties: { toString: { type: 'string' }, api_key: { type: 'string' } },
      required: ['toString'],
    }
    expect(problemsOf(() => check({ api_key: 'key-0123456789' }, sly))).toEqual([
      { field: 'toString', message: 'is required' },
    ])
    const polluted: unknown = JSON.parse('{"api_key":"key-0123456789","__proto__":{"isAdmin":true}}')
    expect(problemsOf(() => check(polluted))).toHaveLength(1)
  })

  test('must hold what the strategy needs even when the schema does not require it', () => {
    const lax = { type: 'object', properties: { api_key: { type: 'string' } } }
    expect(problemsOf(() => check({}, lax))).toEqual([{ field: 'api_key', message: 'is required' }])
    expect(problemsOf(() => check({ api_key: '' }, lax))).toEqual([{ field: 'api_key', message: 'is required' }])
  })

  test('never appear in the error, whatever they are', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 6 }), fc.jsonValue(), (text, value) => {
        const canary = `canary${text}`
        for (const submitted of [{ api_key: { canary } }, { [canary]: value }, { region: canary }, { port: canary }]) {
          try {
            check(submitted)
          } catch (error) {
            expect(JSON.stringify({ error, message: (error as Error).message })).not.toContain('canary')
          }
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('a credential schema', () => {
  const nested = (depth: number): unknown => (depth === 0 ? {} : { not: nested(depth - 1) })

  test('of plain fields is accepted in draft 2020-12 and draft-07', () => {
    expect(schemaProblems(schema, ['api_key'])).toEqual([])
    expect(schemaProblems({ ...schema, $schema: 'http://json-schema.org/draft-07/schema#' }, ['api_key'])).toEqual([])
    expect(schemaProblems({ ...schema, $schema: 'https://json-schema.org/draft/2020-12/schema' }, [])).toEqual([])
  })

  test.each([
    ['another type', { type: 'array' }, 'type "object"'],
    ['no properties', { type: 'object' }, 'type "object"'],
    ['no fields', { type: 'object', properties: {} }, '1 to 50 fields'],
    ['a remote reference', { ...schema, properties: { api_key: { $ref: 'https://evil.example/s' } } }, 'references'],
    ['a reference to itself', { ...schema, allOf: [{ $ref: '#' }] }, 'references'],
    [
      'a nested field',
      { ...schema, properties: { ...schema.properties, extra: { type: 'object' } } },
      'properties.extra',
    ],
    [
      'a field named __proto__',
      JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}}}'),
      '__proto__',
    ],
    ['too deep a structure', { ...schema, not: nested(9) }, 'nested deeper'],
    ['too much text', { ...schema, description: 'x'.repeat(17_000) }, '16384 bytes'],
    ['an impossible keyword', { ...schema, required: 'api_key' }, 'not a valid JSON Schema'],
    [
      'a broken pattern',
      { ...schema, properties: { api_key: { type: 'string', pattern: '(' } } },
      'not a valid JSON Schema',
    ],
    ['no field for its strategy', { type: 'object', properties: { key: { type: 'string' } } }, 'properties.api_key'],
    [
      'a number where the strategy needs text',
      { type: 'object', properties: { api_key: { type: 'number' } } },
      'properties.api_key',
    ],
  ])('with %s is refused', (_what, bad, problem) => {
    expect(schemaProblems(bad, ['api_key']).join('; ')).toContain(problem)
  })

  test('is checked when its provider is registered', () => {
    const profile = {
      name: 'acme',
      auth_type: 'api_key',
      credential_schema: { type: 'object', properties: { key: { type: 'string' } } },
    }
    expect(() => checkProfile(profile, { hasSecret: false })).toThrow(
      expect.objectContaining({
        reason: 'invalid_provider',
        message: 'credential_schema: properties.api_key: is needed by the strategy, as a string',
      }),
    )
    const legacy = { name: 'acme', auth_type: 'api_key', params: { credential_schema: schema } }
    expect(checkProfile(legacy, { hasSecret: false }).name).toBe('acme')
  })
})
