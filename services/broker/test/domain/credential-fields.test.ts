import { describe, expect, test } from '@jest/globals'
import { credentialFields, readForm, variableFields } from '../../src/domain/credential-fields.js'

const schema = {
  type: 'object',
  properties: {
    host: {
      type: 'string',
      title: 'Host',
      description: 'Where it runs',
      pattern: '^[a-z.]+$',
      examples: ['db.acme.com'],
      maxLength: 253,
    },
    api_key: { type: 'string' },
    port: { type: 'integer', default: 443 },
    is_sandbox: { type: 'boolean' },
    region: { type: 'string', enum: ['eu', 'us'] },
    certificate: { type: 'string', contentMediaType: 'application/x-pem-file' },
    access_key: { type: 'string' },
    hint: { type: 'string', format: 'password' },
    token_name: { type: 'string', writeOnly: false },
  },
  required: ['host'],
}

describe('the form of a credential schema', () => {
  const fields = credentialFields(schema, ['api_key'])

  test('has its fields in the order they are written, each with a fitting control', () => {
    expect(fields.map(({ name, input, isSecret, isRequired }) => [name, input, isSecret, isRequired])).toEqual([
      ['host', 'text', false, true],
      ['api_key', 'password', true, true],
      ['port', 'number', false, false],
      ['is_sandbox', 'checkbox', false, false],
      ['region', 'select', false, false],
      ['certificate', 'textarea', false, false],
      ['access_key', 'text', false, false],
      ['hint', 'password', true, false],
      ['token_name', 'text', false, false],
    ])
  })

  test('says what the schema says about a field', () => {
    expect(fields[0]).toEqual({
      name: 'host',
      label: 'Host',
      description: 'Where it runs',
      input: 'text',
      isRequired: true,
      pattern: '^[a-z.]+$',
      maxLength: 253,
      example: 'db.acme.com',
      options: [],
      initial: undefined,
      isSecret: false,
    })
    expect(fields.map(({ label }) => label)).toContain('API key')
    expect(fields[2]?.initial).toBe('443')
  })

  test('of URL placeholders asks for each of them', () => {
    const variable = {
      name: 'subdomain',
      title: 'Subdomain',
      description: undefined,
      pattern: '[a-z]+',
      example: 'acme',
    }
    expect(variableFields([variable])[0]).toMatchObject({
      name: 'subdomain',
      label: 'Subdomain',
      input: 'text',
      isRequired: true,
      pattern: '[a-z]+',
    })
  })
})

describe('submitted text', () => {
  test('becomes what the schema calls it, and empty text means not given', () => {
    const form = { host: 'db', port: '5432', is_sandbox: 'true', region: '', api_key: '007', unknown: 'x' }
    expect(readForm(schema, form)).toEqual({ host: 'db', port: 5432, is_sandbox: true, api_key: '007' })
    expect(readForm(schema, {})).toEqual({ is_sandbox: false })
  })

  test.each(['1e3', '0x10', ' 1', 'Infinity', '٣', '1,5', '12345678901234567890'])(
    '%s stays text, so that the schema refuses it',
    (text) => {
      expect(readForm(schema, { port: text })).toEqual({ port: text, is_sandbox: false })
    },
  )
})
