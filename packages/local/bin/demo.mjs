import { prepare } from './prepare.mjs'

const usage = `Usage: npm run demo

Walks through the whole life of a connection without a browser, over HTTP and over gRPC: request, sign in and consent on the
demo identity provider's pages, token, a call with that token, refresh, list, one more scope, reconnect with the completion
step, disconnect. Uses the stack that "npm start" runs, or starts one on free ports and stops it at the end. Exit status 0
means that every step worked.`

if (process.argv.includes('--help')) {
  console.log(usage)
} else {
  await prepare()
  const { runDemo } = await import('../dist/demo.js')
  process.exitCode = await runDemo('any-stack', process.env)
}
