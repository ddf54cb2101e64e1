import { createLogger, exitOnFailedStart, runService } from '@dromos/runtime'
import { startBroker } from './app.js'
import { type Config, parseConfig } from './config.js'

const usage = `Usage: node services/broker/dist/bundle.js

Runs the broker until SIGTERM or SIGINT. Everything is configured by environment variables: docs/configuration.md lists them.
Apply the migrations first: node services/broker/dist/migrate.js`

if (process.argv.includes('--help')) {
  process.stdout.write(`${usage}\n`)
  process.exit(0)
}

const config = readConfig()
const log = createLogger({ service: 'broker', level: config.logLevel })
await runService({ start: () => startBroker(config, log), log, drainDeadlineMs: config.drainDeadlineMs })

function readConfig(): Config {
  try {
    return parseConfig(process.env)
  } catch (error) {
    return exitOnFailedStart(error, createLogger({ service: 'broker', level: 'fatal' }))
  }
}
