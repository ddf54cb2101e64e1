import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
export type Members = { [name: string]: Json }

export type Operation = {
  /** `GET /v1/token/{connection_id}` */
  name: string
  method: string
  path: string
  node: Members
}

/** openapi.yaml, its references resolved on the way down. */
export function readOpenapi() {
  const text = readFileSync(new URL('../../../openapi.yaml', import.meta.url), 'utf8')
  const document = membersOf(parse(text))
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false, validateFormats: false })
  ajv.addSchema(document, 'openapi')

  const resolve = (node: Json | undefined): Members => {
    const members = membersOf(node)
    if (typeof members.$ref !== 'string') return members
    return resolve(
      members.$ref
        .split('/')
        .slice(1)
        .reduce<Json | undefined>((at, name) => membersOf(at)[name], document),
    )
  }
  // References inside a schema are relative to the document, so they get its name before the schema stands alone.
  const compile = (schema: Json) =>
    ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"openapi#/components/')) as object)

  const operations: Operation[] = Object.entries(membersOf(document.paths)).flatMap(([path, item]) =>
    Object.entries(membersOf(item)).map(([method, node]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      node: membersOf(node),
    })),
  )
  return {
    document,
    operations,
    resolve,
    /** What is wrong with `value`, as sentences; none when the schema accepts it. */
    problemsOf(schema: Json, value: unknown): string[] {
      const validate = compile(schema)
      validate(value)
      return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
    },
    /** The schema of an operation's JSON answer; undefined when it documents none for the status. */
    answerSchema(operation: Operation, status: number): Json | undefined {
      const answers = membersOf(operation.node.responses)
      const answer = answers[String(status)] ?? answers[`${Math.trunc(status / 100)}XX`]
      if (answer === undefined) return undefined
      return membersOf(membersOf(resolve(answer).content)['application/json']).schema
    },
  }
}

/** The examples of a media type, by name. */
export function examplesOf(media: Members): [name: string, value: Json][] {
  const single: [string, Json][] = media.example === undefined ? [] : [['example', media.example]]
  const named = Object.entries(membersOf(media.examples)).map(([name, each]): [string, Json] => {
    const { value } = membersOf(each)
    return [name, value ?? null]
  })
  return [...single, ...named]
}

export const membersOf = (node: Json | undefined): Members =>
  typeof node === 'object' && node !== null && !Array.isArray(node) ? node : {}
