type Waiter<Item, Answer> = {
  item: Item
  resolve(answer: Answer | Promise<Answer>): void
  reject(error: unknown): void
}

/** `run` answers each item in its place, or with a promise for one that goes a way of its own. */
export type SharedWork<Item, Answer> = {
  run(batch: readonly Item[]): Promise<readonly (Answer | Promise<Answer>)[]>
  /** Statements under way at once: what comes meanwhile waits for one of them and shares the next. */
  atOnce: number
  mostItems: number
  /** Milliseconds from the beginning of one statement to that of the next; 0 when left out. What comes meanwhile shares it. */
  everyMs?: number
}

/**
 * Lets what is asked at the same moment share one statement; a single one waits for nobody. An item never joins a statement
 * that has begun. A failure of `run` reaches everybody who shared it, and nobody else.
 */
export function shareStatements<Item, Answer>(work: SharedWork<Item, Answer>): (item: Item) => Promise<Answer> {
  const waiting: Waiter<Item, Answer>[] = []
  let underWay = 0
  let isScheduled = false
  let begunAtMs = -Infinity

  const schedule = (isItsTurn = false): void => {
    if (underWay >= work.atOnce || waiting.length === 0) return
    const restMs = begunAtMs + (work.everyMs ?? 0) - performance.now()
    const isFull = waiting.length >= work.mostItems // nobody else would fit in
    if (restMs <= 0 && (isFull || isItsTurn)) return begin()
    if (isScheduled) return
    isScheduled = true
    if (restMs > 0) setTimeout(takeTurn, restMs)
    else setImmediate(takeTurn)
  }

  const takeTurn = (): void => {
    isScheduled = false
    schedule(true)
  }

  const begin = (): void => {
    underWay++
    begunAtMs = performance.now()
    void runTogether(waiting.splice(0, work.mostItems)).finally(() => {
      underWay--
      schedule()
    })
    schedule()
  }

  const runTogether = async (batch: Waiter<Item, Answer>[]): Promise<void> => {
    try {
      const answers = await work.run(batch.map(({ item }) => item))
      batch.forEach(({ resolve, reject }, index) => {
        const answer = answers[index]
        if (answer === undefined) reject(new Error('a shared statement left somebody without an answer'))
        else resolve(answer)
      })
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      schedule()
    })
}
