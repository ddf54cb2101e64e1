// Owns one request on the pool and its whole answer, and how it is cut short.
// Does not own what is asked (broker-client.ts) or what an answer means (broker-answer.ts).
import type { Dispatcher, Pool } from 'undici'
import type { BrokerAnswer } from './broker-answer.js'

/** Ends whatever hangs on it, once, with a reason; what is hung on it later ends at once. */
export class Cut {
  reason: Error | undefined = undefined
  #end: ((reason: Error) => void) | undefined = undefined

  make(reason: Error): void {
    if (this.reason !== undefined) return
    this.reason = reason
    this.#end?.(reason)
  }

  /** At most one act hangs on it at a time: the request that is under way. */
  onMade(act: (reason: Error) => void): void {
    this.#end = act
    if (this.reason !== undefined) act(this.reason)
  }
}

/**
 * Sends a request and reads its answer to the end, over undici's dispatch: its `request` would make a stream of the body and
 * a signal of the cut, which cost half as much as the call itself. Rejects with undici's error, or with the reason of the cut,
 * also while the request still waits for a connection.
 */
export function exchangeOnce(pool: Pool, request: Dispatcher.DispatchOptions, cut: Cut): Promise<BrokerAnswer> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined
    let head: Pick<BrokerAnswer, 'status' | 'headers'> | undefined
    const chunks: Buffer[] = []
    cut.onMade((reason) => {
      reject(reason)
      controller?.abort(reason)
    })
    pool.dispatch(request, {
      onRequestStart(started) {
        controller = started
        if (cut.reason !== undefined) started.abort(cut.reason)
      },
      onResponseStart(_controller, status, headers) {
        head = { status, headers }
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk)
      },
      onResponseEnd() {
        const [first] = chunks
        const body = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)
        if (head === undefined) reject(new Error('an answer without a head'))
        else resolve({ status: head.status, headers: head.headers, body })
      },
      onResponseError(_controller, error) {
        reject(error)
      },
    })
  })
}
