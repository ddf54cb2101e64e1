import { Agent, request } from 'undici'
import { defects, type DocumentedError } from './documented-errors.js'
import type { Recorder } from './recorder.js'
import type { Secrets } from './secrets.js'

// Owns HTTP calls of agents, browsers and attackers, and the judgement of every single answer.

export type Answer = { status: number; code: string; body: ReadonlyMap<string, unknown>; headers: Headers }

type Headers = Readonly<Record<string, string | string[] | undefined>>

export type Call = {
  method?: 'GET' | 'POST' | 'DELETE' | 'PUT' | 'PATCH' | 'HEAD'
  url: string
  key?: string
  json?: unknown
  headers?: Record<string, string>
  body?: string
}

export type HttpCaller = {
  /** Undefined when the connection broke, which is counted: brokers are ended on purpose. */
  send(call: Call): Promise<Answer | undefined>
  close(): Promise<void>
}

export type HttpCallerOptions = {
  recorder: Recorder
  secrets: Secrets
  documented: ReadonlyMap<string, DocumentedError>
  /** Whether a connection to this address may break just now. */
  mayBreak(url: string): boolean
}

const timeoutMs = 40_000
const tokenRoute = /\/(token|refresh)\/cn_[0-9a-z]+$|\/cn_[0-9a-z]+\/(token|refresh)$/

export function createHttpCaller(options: HttpCallerOptions): HttpCaller {
  const agent = new Agent({ headersTimeout: timeoutMs, bodyTimeout: timeoutMs, connections: 128 })
  return {
    async send(call) {
      try {
        const answer = await ask(agent, call)
        judge(options, call, answer)
        return answer
      } catch (error) {
        const why = reasonOf(error)
        if (options.mayBreak(call.url)) options.recorder.did(`broken connection: ${why}`)
        else options.recorder.unclassified(`no answer: ${why}`, `${call.method ?? 'GET'} ${pathOf(call.url)}`)
        return undefined
      }
    },
    close: () => agent.destroy(),
  }
}

async function ask(
  dispatcher: Agent,
  { method, url, key, json, headers, body }: Call,
): Promise<Answer & { text: string }> {
  const sent = json === undefined ? body : JSON.stringify(json)
  const answer = await request(url, {
    dispatcher,
    method: method ?? (sent === undefined ? 'GET' : 'POST'),
    headers: {
      ...(key !== undefined && { 'x-api-key': key }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    body: sent ?? null,
  })
  const text = await answer.body.text()
  const fields = parse(text)
  const code = fields.get('code')
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: fields,
    code: typeof code === 'string' ? code : '',
    text,
  }
}

function judge(options: HttpCallerOptions, call: Call, answer: Answer & { text: string }): void {
  const { recorder, secrets, documented } = options
  const { status, code, text } = answer
  const what = `${call.method ?? 'GET'} ${pathOf(call.url)}: ${status} ${code}`
  recorder.did(status < 400 ? `HTTP ${status}` : `HTTP ${status} ${code}`)
  const isTokenAnswer = status === 200 && tokenRoute.test(new URL(call.url).pathname)
  const leak = isTokenAnswer ? undefined : secrets.findIn(withoutEcho(text, call))
  if (leak !== undefined) recorder.violated('a secret in an answer', `${what} ${leak}`)
  if (status < 400 || call.method === 'HEAD') return
  const type = String(answer.headers['content-type'] ?? '')
  const row = documented.get(code)
  const isClassified = row?.http === status && /^application\/(problem\+)?json/.test(type)
  if (!isClassified) recorder.unclassified(`HTTP ${status} ${code || 'without a code'}`, `${what} ${type} ${text}`)
  if (status === 500 || defects.has(code)) recorder.violated('an error of our own making', `${what} ${text}`)
}

// A validation message may repeat what the caller itself has just sent; that tells nobody anything new.
const withoutEcho = (text: string, { key, body }: Call): string =>
  [key, body].reduce<string>(
    (rest, sent) => (sent === undefined || sent === '' ? rest : rest.replaceAll(sent, '')),
    text,
  )

function parse(text: string): Map<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    return new Map(Object.entries(typeof parsed === 'object' && parsed !== null ? parsed : {}))
  } catch {
    return new Map()
  }
}

export const textOf = (answer: Answer | undefined, name: string): string | undefined => {
  const value = answer?.body.get(name)
  return typeof value === 'string' ? value : undefined
}

/** Without ids and queries, so that equal mistakes count as one. */
export const pathOf = (url: string): string => new URL(url).pathname.replace(/(cn|ar)_[0-9a-z]+/g, '$1_…').slice(0, 80)

/** Errors of sockets are plain objects to us: a test runner has another Error than Node itself. */
function reasonOf(error: unknown): string {
  const { code, name } = Object(error) as { code?: unknown; name?: unknown }
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown'
}
