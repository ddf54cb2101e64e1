import { IncomingMessage, ServerResponse } from 'node:http'
import type { Express } from 'express'

type MessageClasses = { IncomingMessage: typeof IncomingMessage; ServerResponse: typeof ServerResponse }

/**
 * Express gives every request and response its own prototypes by `Object.setPrototypeOf`, which makes V8 treat the two
 * objects as slow dictionaries for the rest of their lives: three times the CPU of a small answer. A server created with
 * these classes makes messages that are born with what express wants, so its call finds nothing to change.
 *
 * What the application inherits from express stays in the chain: message → `app.request` → express's methods → node's own.
 * Call once per application, before it serves; an application that is mounted inside another works as ever, only slower.
 */
export function messageClasses(app: Express): MessageClasses {
  class AppRequest extends IncomingMessage {}
  class AppResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {}
  app.request = putBefore(AppRequest.prototype, app.request)
  app.response = putBefore(AppResponse.prototype, app.response)
  return { IncomingMessage: AppRequest, ServerResponse: AppResponse }
}

/** Makes `prototype` inherit from what express had made, so that it stands for both. */
const putBefore = <Made extends object>(prototype: object, made: Made): Made =>
  Object.setPrototypeOf(prototype, made) as Made
