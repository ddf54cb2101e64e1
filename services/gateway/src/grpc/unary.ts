import { errorReasons, toServiceError } from '@dromos/contract'
import { chooseRequestId, type Logger } from '@dromos/runtime'
import { Metadata, type handleUnaryCall, type ServerUnaryCall } from '@grpc/grpc-js'
import type { CallContext } from '../caller.js'
import type { Reporting } from '../reporting.js'
import { readCaller, textOf, type CallerSettings } from './caller.js'
import { toGrpcStatus } from './errors.js'

export type Call = ServerUnaryCall<unknown, unknown>

export type Reply = { message: object; headers?: Readonly<Record<string, string>> }

/** What serves one method: gets the caller and the decoded request, returns the message or throws ServiceError. */
export type Serve = (context: CallContext, request: unknown, call: Call) => Promise<Reply>

export type Unary = {
  /** Wraps a method with what every call passes: request id, caller, error rendering, log line, metrics. */
  wrap: (serve: Serve) => handleUnaryCall<unknown, object>
  /** Resolves when no call is being served. */
  idle: () => Promise<void>
}

export function createUnary(settings: CallerSettings, reporting: Reporting, log: Logger): Unary {
  const inFlight = new Set<Promise<void>>()
  const wrap: Unary['wrap'] = (serve) => (call, callback) => {
    const startedAt = process.hrtime.bigint()
    const requestId = chooseRequestId(textOf(call.metadata, 'x-request-id'))
    const route = call.getPath()
    reporting.requestStarted('grpc')
    const finish = (status: string, reason?: string): void => {
      const durationSeconds = Number(process.hrtime.bigint() - startedAt) / 1e9
      reporting.requestFinished('grpc', route, status, durationSeconds)
      log.info({ requestId, route, status, durationSeconds, ...(reason === undefined ? {} : { reason }) }, 'request')
    }
    // A synchronous refusal must take the same way out as a rejected promise.
    const served = new Promise<Reply>((resolve) =>
      resolve(serve(readCaller(call, requestId, settings), call.request, call)),
    )
    const answered = served.then(
      ({ message, headers }) => {
        call.sendMetadata(toMetadata({ 'x-request-id': requestId, ...headers }))
        callback(null, message)
        finish('OK')
      },
      (thrown: unknown) => {
        const error = toServiceError(thrown)
        const { http, grpc } = errorReasons[error.reason]
        if (http >= 500) log.error({ requestId, route, reason: error.reason, error }, 'request failed')
        callback(toGrpcStatus(error, requestId))
        finish(grpc, error.reason)
      },
    )
    inFlight.add(answered)
    void answered.finally(() => inFlight.delete(answered))
  }
  const idle: Unary['idle'] = async () => {
    while (inFlight.size > 0) await Promise.allSettled(inFlight)
  }
  return { wrap, idle }
}

function toMetadata(entries: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value)
  return metadata
}
