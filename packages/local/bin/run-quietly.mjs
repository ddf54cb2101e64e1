import { Buffer } from 'node:buffer'
import { spawn } from 'node:child_process'

/** Runs a command without its output. After two seconds a line says what we are waiting for, on a terminal with a clock. */
export function runQuietly(title, command, options, cwd) {
  const startedMs = Date.now()
  const isTerminal = process.stderr.isTTY
  let hasShown = false
  const clock = setInterval(() => {
    const line = `${title} ... ${Math.round((Date.now() - startedMs) / 1000)} s`
    if (isTerminal) process.stderr.write(`\r${line}`)
    else if (!hasShown) process.stderr.write(`${title} ...\n`)
    hasShown = true
  }, 2000)
  return new Promise((resolve) => {
    const chunks = []
    const finish = (status) => {
      clearInterval(clock)
      if (hasShown && isTerminal) process.stderr.write('\n')
      resolve({ status, output: Buffer.concat(chunks).toString('utf8') })
    }
    // npm.cmd is a batch file, which Windows runs through its shell only.
    const child = spawn(command, options, { cwd, stdio: ['ignore', 'pipe', 'pipe'], shell: command.endsWith('.cmd') })
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    child.on('error', (error) => {
      chunks.push(Buffer.from(String(error)))
      finish(1)
    })
    child.on('close', finish)
  })
}
