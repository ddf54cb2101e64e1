/** Told after each discovery or verification: how it ended and how long it took. */
export type Observer = (result: 'success' | 'error', seconds: number) => void

export type Observe = <Result>(work: () => Promise<Result>) => Promise<Result>

/** Wraps work so that the observer learns of every end of it, errors included. */
export const observing =
  (observer: Observer): Observe =>
  async (work) => {
    const startedAtMs = performance.now()
    const report = (result: 'success' | 'error'): void => observer(result, (performance.now() - startedAtMs) / 1000)
    try {
      const result = await work()
      report('success')
      return result
    } catch (error) {
      report('error')
      throw error
    }
  }
