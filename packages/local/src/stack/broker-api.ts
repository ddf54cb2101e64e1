import { request } from 'undici'
import { Problem } from '../problem.js'
import { runCommand } from './service-process.js'
import { ADMIN_PROGRAM, createKeyCommand, type Environment, type KeyRole } from './services.js'
import type { DeveloperKeys, StackFiles } from './stack-files.js'

const TIMEOUT_MS = 20_000

type Answer = { status: number; body: unknown }

/** One JSON call with an API key. Never throws for a status. */
export async function call(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  url: string,
  apiKey: string,
  body?: object,
): Promise<Answer> {
  const answer = await request(url, {
    method,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    headers: { 'x-api-key': apiKey, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const text = await answer.body.text()
  return { status: answer.statusCode, body: parseJson(text) }
}

/** The named text of an answer's body; throws a Problem that quotes the service's own message. */
export function textOf(answer: Answer, name: string, what: string): string {
  const value = isRecord(answer.body) ? answer.body[name] : undefined
  if (answer.status < 300 && typeof value === 'string') return value
  throw refusal(answer, what)
}

export function refusal(answer: Answer, what: string): Problem {
  const message = isRecord(answer.body) ? answer.body['message'] : undefined
  return new Problem(`${what} failed with status ${answer.status}${typeof message === 'string' ? `: ${message}` : ''}`)
}

/** The remembered keys if both still work (the database may be another one today), else new ones. */
export async function ensureDeveloperKeys(
  broker: string,
  environment: Environment,
  files: StackFiles,
): Promise<DeveloperKeys> {
  const held = files.developerKeys()
  if (held !== undefined) {
    const found = await Promise.all([held.agent, held.admin, held.gateway].map((key) => isKnown(broker, key)))
    if (found.every(Boolean)) return held
  }
  const [agent, admin, gateway] = await Promise.all([
    createKey('local-agent', 'agent', environment),
    createKey('local-admin', 'admin', environment),
    createKey('local-gateway', 'gateway', environment),
  ])
  const made = { agent, admin, gateway }
  files.saveDeveloperKeys(made)
  return made
}

/** A known key may still lack the role for the route we ask; only a key the broker does not know is of no use. */
async function isKnown(broker: string, key: string): Promise<boolean> {
  const { status, body } = await call('GET', `${broker}/providers/metadata`, key)
  return status === 200 || (status === 403 && isRecord(body) && body['code'] !== 'invalid_api_key')
}

/** A key of a new client of the default tenant. The environment is the broker's. */
export async function createKey(client: string, role: KeyRole, environment: Environment): Promise<string> {
  const printed = parseJson(
    await runCommand('the admin command', ADMIN_PROGRAM, createKeyCommand(client, role), environment),
  )
  if (isRecord(printed) && typeof printed['key'] === 'string') return printed['key']
  throw new Problem('the admin command printed no key')
}

/** Registers the provider, or brings the registered one of that name up to date. */
export async function registerProvider(broker: string, adminKey: string, profile: { name: string }): Promise<void> {
  const created = await call('POST', `${broker}/providers`, adminKey, { profile })
  if (created.status === 201) return
  if (created.status !== 409) throw refusal(created, 'registering the demo provider')
  const found = await call('GET', `${broker}/providers/by-name/${profile.name}`, adminKey)
  const id = textOf(found, 'id', 'finding the demo provider')
  const patched = await call('PATCH', `${broker}/providers/${id}`, adminKey, profile)
  if (patched.status >= 300) throw refusal(patched, 'updating the demo provider')
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
