const TITLE_WIDTH = 24

/** Prints one line per step on standard output: what it is, how long it took, and what it has to say. */
export type Progress = {
  step<Result>(title: string, work: () => Promise<Result>, remark?: (result: Result) => string): Promise<Result>
  note: (line: string) => void
}

/** On a terminal a step that runs for more than two seconds shows a clock. */
export function createProgress(output: NodeJS.WriteStream): Progress {
  return {
    async step(title, work, remark) {
      const startedMs = performance.now()
      const clock = output.isTTY ? setInterval(() => showClock(output, title, startedMs), 1000) : undefined
      try {
        const result = await work()
        const took = `${Math.round(performance.now() - startedMs)} ms`
        output.write(
          `${eraser(output)}  ${title.padEnd(TITLE_WIDTH)}${took.padStart(8)}   ${remark?.(result) ?? ''}`.trimEnd() +
            '\n',
        )
        return result
      } catch (error) {
        output.write(`${eraser(output)}  ${title.padEnd(TITLE_WIDTH)}  FAILED\n`)
        throw error
      } finally {
        clearInterval(clock)
      }
    },
    note(line) {
      output.write(`${eraser(output)}  ${line}\n`)
    },
  }
}

function showClock(output: NodeJS.WriteStream, title: string, startedMs: number): void {
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  if (seconds >= 2) output.write(`${eraser(output)}  ${title} ... ${seconds} s`)
}

function eraser(output: NodeJS.WriteStream): string {
  return output.isTTY ? '\r\u001b[K' : ''
}
