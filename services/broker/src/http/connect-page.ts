import { errorReasons, type ErrorReason, schemaLimits, ServiceError } from '@dromos/contract'
import { readForm, refuseMethod } from '@dromos/runtime'
import { type Response, Router } from 'express'
import {
  type FormField,
  credentialFields,
  isRecord,
  readForm as readCredentials,
  variableFields,
} from '../domain/credential-fields.js'
import { type FieldProblem, RefusedFields } from '../domain/credential-schema.js'
import type { AuthorizationRequest } from '../domain/authorization-request.js'
import { requiredFields } from '../domain/strategy.js'
import { captureCredentials, type CapturePorts } from '../flows/capture-credentials.js'
import { openLink, signInUrl } from '../flows/continue-in-browser.js'
import { pageTask, type PageTask } from '../flows/describe-capture.js'
import type { Ports } from '../flows/ports/ports.js'
import type { ConsentSettings } from '../flows/open-consent.js'
import { supplyVariables } from '../flows/supply-variables.js'
import { bindBrowser, isBoundBrowser } from './browser-binding.js'
import { csrfToken, isCsrfToken } from './csrf-token.js'
import { actorOf } from './guard.js'
import { renderFormPage } from './pages/form-page.js'
import { sendPage } from './pages/layout.js'

// Owns the page behind /auth/connect: what a person is asked before or instead of a consent at the provider.
// Does not own its look (pages/) or what is accepted (flows/).

type Dependencies = {
  ports: CapturePorts & Pick<Ports, 'now' | 'providers' | 'metadata' | 'authorization'>
  settings: ConsentSettings
}
type Task = Exclude<PageTask, { kind: 'nothing' }>

const readFields = readForm(schemaLimits.fields + 10)

/** GET binds the browser and shows the form; POST takes it from that browser only, and leads on. */
export function connectPageRouter({ ports, settings }: Dependencies): Router {
  const cookie = { secure: settings.baseUrl.startsWith('https:') }
  const startOf = (request: AuthorizationRequest) => `${settings.baseUrl}/auth/start/${request.id}`
  const router = Router()

  router
    .route('/auth/connect/:ticket')
    .get(async (request, response) => {
      const opened = await openLink(ports, request.params.ticket)
      const task = await pageTask(ports, opened)
      if (task.kind === 'nothing') return seeOther(response, startOf(opened))
      const browserDigest = await bindBrowser(request, response, opened, ports, cookie)
      showForm(response, 200, settings, task, { browserDigest, submitted: {}, problems: [] })
    })
    .post(readFields, async (request, response) => {
      const opened = await openLink(ports, request.params.ticket)
      const browserDigest = opened.browserDigest
      if (browserDigest === undefined || !isBoundBrowser(request, opened))
        throw new ServiceError('wrong_browser', 'open the link again in this browser, with cookies allowed')
      const submitted = isRecord(request.body) ? request.body : {}
      if (!isCsrfToken(submitted._csrf, settings.stateKeys, opened.id, browserDigest))
        throw new ServiceError('invalid_csrf_token', 'open the link again and fill in the form it shows')
      const task = await pageTask(ports, opened)
      if (task.kind === 'nothing') return seeOther(response, startOf(opened))
      try {
        seeOther(response, await submit(task, submitted, response))
      } catch (error) {
        const refusal = refusalOf(error)
        if (refusal === undefined) throw error
        response.locals.errorReason = refusal.reason
        const { http } = errorReasons[refusal.reason]
        showForm(response, http, settings, task, { browserDigest, submitted, problems: refusal.problems })
      }
    })
    .all(refuseMethod('GET, POST'))

  return router

  async function submit(task: Task, submitted: Readonly<Record<string, unknown>>, response: Response): Promise<string> {
    if (task.kind === 'credentials') {
      const values = readCredentials(task.provider.credentialSchema, submitted)
      return captureCredentials(ports, settings, task, values, actorOf(response))
    }
    if (task.kind === 'confirmation') return signInUrl(ports, settings, task.request, actorOf(response))
    await supplyVariables(ports, settings, task.request, task.provider, submitted)
    return startOf(task.request)
  }
}

/** What the person can put right or try again on the same page; everything else ends on an error page. */
const correctable = new Set<ErrorReason>([
  'provider_unavailable',
  'provider_misconfigured',
  'provider_bad_response',
  'issuer_mismatch',
  'rate_limited',
])

function refusalOf(error: unknown): { reason: ErrorReason; problems: readonly FieldProblem[] } | undefined {
  if (error instanceof RefusedFields) return { reason: error.reason, problems: error.problems }
  if (!(error instanceof ServiceError) || !correctable.has(error.reason)) return undefined
  const message =
    error.reason === 'rate_limited'
      ? 'were refused too often: start again in the application'
      : 'could not be checked, because the provider did not answer as expected: check them or try again later'
  return { reason: error.reason, problems: [{ field: undefined, message }] }
}

function showForm(
  response: Response,
  status: number,
  settings: ConsentSettings,
  task: Task,
  shown: {
    browserDigest: string
    submitted: Readonly<Record<string, unknown>>
    problems: readonly FieldProblem[]
  },
): void {
  const { submitted, problems } = shown
  const document = renderFormPage({
    asksFor: task.kind,
    providerName: task.provider.identity.name,
    returnHost: new URL(task.request.returnUrl).host,
    workspace: task.request.completionChallenge === undefined ? undefined : task.request.workspaceId,
    scopes: task.kind === 'confirmation' ? task.request.scopes : [],
    fields: fieldsOf(task),
    submitted,
    problems,
    csrfToken: csrfToken(settings.stateKeys[0], task.request.id, shown.browserDigest),
  })
  sendPage(response, status, document, formTargets(settings, task))
}

function fieldsOf(task: Task): FormField[] {
  switch (task.kind) {
    case 'credentials':
      return credentialFields(task.provider.credentialSchema, requiredFields(task.provider.strategy))
    case 'variables':
      return variableFields(task.provider.urlVariables)
    case 'confirmation':
      return []
  }
}

// Browsers hold form-action against the redirects after the POST as well. Credentials go here and then to the return URL;
// otherwise the way leads through the provider's sign-in, whose hosts nobody can list.
function formTargets(settings: ConsentSettings, task: Task): string[] {
  const ours = ["'self'", new URL(settings.baseUrl).origin]
  if (task.kind === 'credentials') return [...ours, new URL(task.request.returnUrl).origin]
  const isLocal = settings.baseUrl.startsWith('http:')
  return [...ours, 'https:', ...(isLocal ? ['http://localhost:*', 'http://127.0.0.1:*'] : [])]
}

function seeOther(response: Response, location: string): void {
  response.set({ 'Cache-Control': 'no-store', Location: location }).status(303).end()
}
