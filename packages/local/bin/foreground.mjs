import { spawn } from 'node:child_process'

/** Runs a Node program in our terminal and ends as it ends. Ctrl-C reaches it from the terminal itself. */
export function runInForeground(options, environment) {
  const child = spawn(process.execPath, options, { stdio: 'inherit', env: environment })
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('error', (error) => {
    console.error(String(error))
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 1))
}
