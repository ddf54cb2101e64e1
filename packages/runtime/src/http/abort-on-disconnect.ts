import type { Response } from 'express'

/** An abort signal that fires when the caller goes away before its answer was complete. */
export function abortOnDisconnect(response: Response): AbortSignal {
  const controller = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) controller.abort()
  })
  return controller.signal
}
