import { type ErrorReason, ServiceError } from '@dromos/contract'
import { expect } from '@jest/globals'
import type fc from 'fast-check'

// Owns what every fuzz target has in common. Does not own what is fed to which parser: the files beside this one.

export type FuzzTarget = {
  name: string
  /** Rows of the attack list. */
  attacks: string
  /** Holds for every input: no error but the documented ones, and what the parser promises. */
  property: fc.IRawProperty<unknown>
  /** Inputs in a normal test run; `npm run fuzz` goes on for minutes. */
  runs: number
  /** Reads one text of any length; a hundred kilobytes must cost no more than a line does per byte. */
  read?: (text: string) => void
}

/** What `act` answers; undefined when it throws one of the documented reasons. Everything else is thrown on. */
export function unlessRefused<Result>(reasons: readonly ErrorReason[], act: () => Result): Result | undefined {
  try {
    return act()
  } catch (error) {
    if (error instanceof ServiceError && reasons.includes(error.reason)) return undefined
    throw error
  }
}

/** No input has reached a prototype. */
export const expectCleanPrototypes = (): void => expect('polluted' in {}).toBe(false)
