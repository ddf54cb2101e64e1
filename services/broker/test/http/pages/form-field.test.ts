import { expect, test } from '@jest/globals'
import { variableFields } from '../../../src/domain/credential-fields.js'
import { renderField } from '../../../src/http/pages/form-field.js'

const rendered = (pattern: string): string => {
  const [field] = variableFields([
    { name: 'sub', title: 'Subdomain', description: undefined, pattern, example: 'acme' },
  ])
  if (field === undefined) throw new Error('no field')
  return renderField({ ...field, id: 'field-1', value: undefined, mistake: undefined }).toString()
}

test('a field carries its pattern only when browsers can compile it with the v flag', () => {
  expect(rendered('[a-z]+')).toContain('pattern="[a-z]+" title="For example: acme"')
  expect(rendered('[a-z][a-z0-9-]*')).not.toContain('pattern=')
})
