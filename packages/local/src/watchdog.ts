import { spawn } from 'node:child_process'

/** `signal` is a name without SIG, as `kill -s` takes it. The directories are deleted once the process is gone. */
export type WatchdogOrder = {
  pid: number
  signal: 'INT' | 'QUIT' | 'TERM' | 'KILL'
  removeDirectories?: readonly string[]
}

// The pipe on its standard input is held by our process alone: end of file means that we died, by whatever signal.
// A word on the pipe means that we ended the child ourselves and its pid may soon belong to somebody else.
// A child that stands still (SIGSTOP) hears of no signal but KILL before it goes on.
const SCRIPT = `
if read -r word; then exit 0; fi
pid=$1
kill -s "$2" "$pid" 2>/dev/null
kill -s CONT "$pid" 2>/dev/null
shift 2
[ $# -gt 0 ] || exit 0
tries=0
while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf -- "$@"
`

/**
 * Makes sure that a detached child does not outlive this process, even after `kill -9`: a shell of about 1 MB waits for
 * our end and then signals the child. Call `disarm` once the child has been seen to end. There is no such shell on
 * Windows, where the next start finds and stops what was left running.
 */
export function armWatchdog(order: WatchdogOrder): { disarm(): void } {
  if (process.platform === 'win32') return { disarm() {} }
  const shell = spawn(
    '/bin/sh',
    ['-c', SCRIPT, 'dromos-watchdog', String(order.pid), order.signal, ...(order.removeDirectories ?? [])],
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' },
  )
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  shell.unref()
  return {
    disarm() {
      shell.stdin.end('done\n')
    },
  }
}
