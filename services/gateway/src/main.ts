import { createLogger, exitOnFailedStart, runService } from '@dromos/runtime'
import { startGateway } from './app.js'
import { parseConfig, type Config } from './config.js'

function readConfig(): Config {
  try {
    return parseConfig(process.env)
  } catch (error) {
    return exitOnFailedStart(error, createLogger({ service: 'gateway', level: 'info' }))
  }
}

const config = readConfig()
const log = createLogger({ service: 'gateway', level: config.logLevel })
await runService({ start: () => startGateway(config, log), log, drainDeadlineMs: config.drainDeadlineMs })
