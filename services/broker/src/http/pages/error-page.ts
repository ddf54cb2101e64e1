import { errorReasons, ServiceError, toServiceError } from '@dromos/contract'
import { answerErrors, type Logger, requestIdOf, routeOf } from '@dromos/runtime'
import type { ErrorRequestHandler, Request } from 'express'
import { html } from './html.js'
import { renderPage, sendPage } from './layout.js'

/** What a person sees instead of problem details: a headline, what to do, and the id that support can look up. */
export const renderProblemPage = (title: string, detail: string, requestId: string): string =>
  renderPage({
    title,
    main: html`<p>${sentence(detail)}</p>
      <p>You can close this window and go back to the application you came from.</p>
      <footer><p class="soft">Request ${requestId}</p></footer>`,
  })

/** Answers the errors of routes that a browser opens: a page when it asks for HTML, problem details for everybody else. */
export function answerBrowserErrors(log: Logger): ErrorRequestHandler {
  const answerProblem = answerErrors(log)
  return (thrown: unknown, request, response, next) => {
    if (!asksForHtml(request) || response.headersSent) return answerProblem(thrown, request, response, next)
    const error = fromBodyParser(thrown) ?? toServiceError(thrown)
    const { http, title } = errorReasons[error.reason]
    const requestId = requestIdOf(response)
    response.locals.errorReason = error.reason
    if (http >= 500) log.error({ requestId, route: routeOf(request), reason: error.reason, error }, 'request failed')
    if (error.retryAfterSeconds !== undefined) response.setHeader('Retry-After', String(error.retryAfterSeconds))
    sendPage(response, http, renderProblemPage(title, error.message, requestId))
  }
}

// The order matters: a client that takes anything gets JSON.
const asksForHtml = (request: Request): boolean => request.accepts(['json', 'html']) === 'html'

const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`

// A form that cannot be read is the sender's mistake; the parser's own message may quote it and is dropped.
function fromBodyParser(thrown: unknown): ServiceError | undefined {
  if (!(thrown instanceof Error) || thrown instanceof ServiceError || !('status' in thrown)) return undefined
  if (thrown.status === 413) return new ServiceError('payload_too_large', 'the form is larger than 64 KiB')
  const isTheirs = typeof thrown.status === 'number' && thrown.status >= 400 && thrown.status < 500
  return isTheirs ? new ServiceError('invalid_request', 'the form could not be read', { cause: thrown }) : undefined
}
