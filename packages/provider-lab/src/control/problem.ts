import type { Answer } from '../answer.js'
import { jsonAnswer } from '../answer.js'

/** A refusal of the control API: what is wrong and what to do about it, in one text for a person. */
export class ControlError extends Error {
  constructor(
    readonly status: 400 | 403 | 404 | 405 | 409 | 413,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail)
  }
}

/** RFC 9457. */
export function problemAnswer({ status, title, detail }: Pick<ControlError, 'status' | 'title' | 'detail'>): Answer {
  return { ...jsonAnswer(status, { title, status, detail }), headers: { 'content-type': 'application/problem+json' } }
}

/** What the lab refuses with a sentence, as 409 with that sentence. */
export function orConflict<T>(title: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw new ControlError(409, title, error instanceof Error ? error.message : 'for an unknown reason')
  }
}
