import { pino, type DestinationStream } from 'pino'

// Owns how log lines reach stdout. Does not own what stands in them: logger.ts.

const bufferBytes = 16_000

/**
 * Writes the lines of one turn of the event loop together: a write per line costs a busy service as much as half its
 * routing. Lines wait for no timer; what the last turn logged is written when the process exits or an exception ends it.
 * Only a process that is killed can lose lines, those of one turn.
 */
export function linesToStdout(): DestinationStream {
  const stdout = pino.destination({ dest: 1, sync: true, minLength: bufferBytes }) // below its maxWrite
  let isFlushScheduled = false
  const flush = (): void => {
    isFlushScheduled = false
    stdout.flushSync()
  }
  process.on('exit', flush)
  return {
    write(line) {
      stdout.write(line)
      if (isFlushScheduled) return
      isFlushScheduled = true
      setImmediate(flush)
    },
  }
}
