// Owns the control API: HTTP and JSON over what lab.ts can do. Knows no OAuth.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { jsonAnswer, type Answer } from '../answer.js'
import { deliver, noPauses } from '../deliver.js'
import type { ProviderLab } from '../lab.js'
import { listenHttp } from '../listeners.js'
import { readBody } from '../request.js'
import { generalRoutes } from './general-routes.js'
import { ControlError, problemAnswer } from './problem.js'
import type { ControlAnswer, ControlCall, Route } from './route.js'
import { findRoute } from './router.js'
import { createTenantHolds } from './tenant-holds.js'
import { tenantRoutes } from './tenant-routes.js'

export type ControlOptions = {
  /** Default any free port on 127.0.0.1. */
  port?: number
  host?: string
}

export type Control = { url: string; close(): Promise<void> }

const index: Route = {
  method: 'GET',
  path: '/ctl',
  does: 'this list',
  answer: () => ({ status: 200, body: routes.map(({ method, path, does }) => ({ method, path, does })) }),
}

const routes: readonly Route[] = [index, ...generalRoutes, ...tenantRoutes]

/** Starts the control API of a lab on a port of its own. Rejects with a sentence when the port is not to be had. */
export async function startControl(lab: ProviderLab, options: ControlOptions = {}): Promise<Control> {
  const { host = '127.0.0.1', port = 0 } = options
  const holds = createTenantHolds()
  const hostNames = new Set(['127.0.0.1', 'localhost', '[::1]', host])
  const answerTo = async (incoming: IncomingMessage): Promise<Answer> => {
    refuseBrowsers(incoming, hostNames)
    const url = new URL(incoming.url ?? '/', 'http://control')
    const { route, params } = findRoute(routes, incoming.method ?? '', url.pathname)
    const call: ControlCall = { lab, holds, params, query: url.searchParams, body: await readJson(incoming) }
    return toAnswer(await route.answer(call))
  }
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = await answerTo(incoming).catch(toProblem)
    await deliver(response, answer, noPauses)
  }
  const listener = await listenHttp(
    // What is no ControlError is a client that left or our own fault: this connection is over.
    (incoming, response) => void handle(incoming, response).catch(() => response.destroy()),
    host,
    port,
  )
  return { url: `http://${host}:${listener.port}`, close: listener.close }
}

async function readJson(incoming: IncomingMessage): Promise<unknown> {
  const text = await readBody(incoming)
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new ControlError(400, 'not JSON', 'the body is not JSON')
  }
}

// A page in a developer's browser can reach loopback: neither a cross-origin request nor a rebound name gets in.
function refuseBrowsers({ headers }: IncomingMessage, hostNames: ReadonlySet<string>): void {
  if (headers.origin !== undefined) throw new ControlError(403, 'not for browsers', 'requests with Origin are refused')
  const hostName = (headers.host ?? '').replace(/:\d+$/, '')
  if (hostNames.has(hostName)) return
  throw new ControlError(403, 'unknown Host', `the control API is not called '${hostName}'`)
}

function toAnswer({ status, body }: ControlAnswer): Answer {
  if (body === undefined) return { status, headers: {}, body: '', delivery: { kind: 'whole' } }
  return jsonAnswer(status, body)
}

function toProblem(error: unknown): Answer {
  if (error instanceof ControlError) return problemAnswer(error)
  throw error
}
