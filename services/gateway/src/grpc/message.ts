import { parseConnectionId } from '../input.js'

export const isObject = (request: unknown): request is Readonly<Record<string, unknown>> =>
  typeof request === 'object' && request !== null

/** The `connection_id` of a decoded request. Throws `invalid_connection_id`. */
export const connectionIdOf = (request: unknown): string =>
  parseConnectionId(isObject(request) ? request.connection_id : undefined)
