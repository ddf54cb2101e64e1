import { pino, type DestinationStream } from 'pino'

// Owns how log lines reach stdout. Does not own what stands in them: logger.ts.

/**
 * Writes the lines of one turn of the event loop together: a write per line costs a busy service as much as half its
 * routing. Lines wait for no timer; what the last turn logged is written when the process exits or an exception ends it.
 * Only a process that is killed can lose lines, those of one turn.
 */
export function linesToStdout(): DestinationStream {
  const stdout = pino.destination({ dest: 1, sync: true })
  let lines = ''
  // Not with a buffer of pino's and its `flushSync`, which waits for the disk (fsync) each time.
  const flush = (): void => {
    const written = lines
    lines = ''
    if (written !== '') stdout.write(written)
  }
  process.on('exit', flush)
  return {
    write(line) {
      if (lines === '') setImmediate(flush)
      lines += line
    },
  }
}
