import { errorReasons, type ServiceError } from '@dromos/contract'
import { Metadata, status, type StatusObject } from '@grpc/grpc-js'

/**
 * The one place that renders an error over gRPC: a real status, and in trailing metadata the reason (`x-error-reason`),
 * the request's id and, where a retry may help, `retry-after` in seconds.
 */
export function toGrpcStatus(error: ServiceError, requestId: string): StatusObject {
  const metadata = new Metadata()
  metadata.set('x-error-reason', error.reason)
  metadata.set('x-request-id', requestId)
  if (error.retryAfterSeconds !== undefined) metadata.set('retry-after', String(error.retryAfterSeconds))
  return { code: status[errorReasons[error.reason].grpc], details: error.message, metadata }
}
