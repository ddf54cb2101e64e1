import { readFileSync } from 'node:fs'
import ajvFormats from 'ajv-formats'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'

// Owns how tests read services/broker/openapi.yaml. Does not own what it must say.

export type Members = Readonly<Record<string, unknown>>

export const membersOf = (node: unknown): Members =>
  typeof node === 'object' && node !== null && !Array.isArray(node) ? (node as Members) : {}

export type Operation = { name: string; method: string; path: string; node: Members }

export type Media = { title: string; status: number; schema: unknown; examples: unknown[] }

const text = readFileSync(new URL('../openapi.yaml', import.meta.url), 'utf8')
export const document = membersOf(parse(text))

const verbs = ['get', 'post', 'put', 'patch', 'delete']

export const operations: readonly Operation[] = Object.entries(membersOf(document.paths)).flatMap(([path, item]) =>
  Object.entries(membersOf(item))
    .filter(([verb]) => verbs.includes(verb))
    .map(([verb, node]) => {
      const method = verb.toUpperCase()
      return { name: `${method} ${path}`, method, path, node: membersOf(node) }
    }),
)

/** Follows `$ref`; empty when it leads nowhere. */
export function resolve(node: unknown): Members {
  const { $ref } = membersOf(node)
  if (typeof $ref !== 'string') return membersOf(node)
  const path = $ref.split('/').slice(1)
  return resolve(path.reduce<unknown>((at, name) => membersOf(at)[name], document))
}

const ajv = new Ajv2020({ strict: false, allErrors: true })
ajvFormats.default(ajv)
ajv.addSchema({ ...document, $id: 'openapi' })

/** What is wrong with `value`, as sentences; none when the schema accepts it. */
export function problemsOf(schema: unknown, value: unknown): string[] {
  // References inside a schema are relative to the document, so they get its name before the schema stands alone.
  const alone = JSON.stringify(schema).replaceAll('"#/components/', '"openapi#/components/')
  const validate = ajv.compile(membersOf(JSON.parse(alone)))
  validate(value)
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

/** Every JSON body of the document: requests have status 0. */
export const media: readonly Media[] = operations.flatMap(({ name, node }) => [
  ...jsonOf(`${name} request`, 0, node.requestBody),
  ...Object.entries(membersOf(node.responses)).flatMap(([status, answer]) =>
    jsonOf(`${name} ${status}`, Number(status), answer),
  ),
])

function jsonOf(title: string, status: number, body: unknown): Media[] {
  const json = membersOf(membersOf(resolve(body).content)['application/json'])
  if (json.schema === undefined) return []
  const named = Object.values(membersOf(json.examples)).map((each) => membersOf(each).value)
  return [{ title, status, schema: json.schema, examples: json.example === undefined ? named : [json.example] }]
}
