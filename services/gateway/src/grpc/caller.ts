import { ServiceError } from '@dromos/contract'
import { clientAddress, type Networks } from '@dromos/runtime'
import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js'
import { readCallerKey, readTraceparent, type CallContext } from '../caller.js'

export type CallerSettings = Readonly<{
  trustedProxies: Networks
  /** The key that callers without a credential act with; undefined refuses them. */
  anonymousKey: string | undefined
}>

/**
 * Reads who calls from metadata: `x-api-key` or `authorization`, as over HTTP.
 * Throws `missing_api_key`, `invalid_api_key`, `invalid_request`.
 */
export function readCaller(
  call: ServerUnaryCall<unknown, unknown>,
  requestId: string,
  settings: CallerSettings,
): CallContext {
  const { metadata } = call
  const key = readCallerKey({
    apiKeys: textsOf(metadata, 'x-api-key'),
    authorizations: textsOf(metadata, 'authorization'),
  })
  const callerKey = key ?? settings.anonymousKey
  if (callerKey === undefined)
    throw new ServiceError('missing_api_key', 'send metadata x-api-key, or authorization: Bearer <key>')
  return {
    callerKey,
    requestId,
    traceparent: readTraceparent(textOf(metadata, 'traceparent')),
    clientAddress: clientAddress(
      addressOf(call.getPeer()),
      textsOf(metadata, 'x-forwarded-for').join(','),
      settings.trustedProxies,
    ),
    userAgent: textOf(metadata, 'user-agent'),
    whenGone: (act) => whenCancelled(call, act),
  }
}

/** The last value of a metadata entry. */
export const textOf = (metadata: Metadata, name: string): string | undefined => textsOf(metadata, name).at(-1)

const textsOf = (metadata: Metadata, name: string): string[] =>
  metadata.get(name).filter((value) => typeof value === 'string')

// `192.0.2.1:4711` or `[2001:db8::1]:4711`.
const addressOf = (peer: string): string => /^\[(.*)\]:\d+$/.exec(peer)?.[1] ?? peer.replace(/:\d+$/, '')

// grpc-js cancels a call when the client does and when its deadline passes; the broker call must end in both cases.
function whenCancelled(call: ServerUnaryCall<unknown, unknown>, act: (why: ServiceError) => void): void {
  const cancel = (): void => {
    const isLate = Number(call.getDeadline()) <= Date.now()
    act(
      isLate
        ? new ServiceError('deadline_exceeded', 'the deadline of the call passed')
        : new ServiceError('request_cancelled', 'the caller went away'),
    )
  }
  if (call.cancelled) cancel()
  else call.once('cancelled', cancel)
}
