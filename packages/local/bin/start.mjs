import { prepare } from './prepare.mjs'

const usage = `Usage: npm start [-- options]

Runs the whole stack on this machine: PostgreSQL, a demo identity provider, the broker and the gateway.
Installs and compiles first when needed. Data, keys and logs are in .dromos/ (remove it to start anew). Ctrl-C stops all.

  --port-broker <n>     broker, HTTP               (PORT_BROKER, default 8080)
  --port-http <n>       gateway, HTTP              (PORT_HTTP, default 8090)
  --port-grpc <n>       gateway, gRPC              (PORT_GRPC, default 9090)
  --port-provider <n>   demo identity provider     (PORT_PROVIDER, default 8085)
  --help                this text

DATABASE_URL=postgres://... uses that server instead of the embedded one.`

if (process.argv.includes('--help')) {
  console.log(usage)
} else {
  await prepare()
  const { runStart } = await import('../dist/start.js')
  process.exitCode = await runStart(process.argv.slice(2), process.env)
}
