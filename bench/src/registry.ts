import type { Scenario } from './scenario.js'
import { callback } from './scenarios/callback.js'
import { installations } from './scenarios/installations.js'
import { largeTable } from './scenarios/large-table.js'
import { refreshStorm } from './scenarios/refresh-storm.js'
import { requestConnection } from './scenarios/request-connection.js'
import { slowProvider } from './scenarios/slow-provider.js'
import { startUp } from './scenarios/start-up.js'
import { tokenRead } from './scenarios/token-read.js'
import { tokenReadGrpc } from './scenarios/token-read-grpc.js'

/** Every scenario, in the order in which they run. */
export const scenarios: readonly Scenario[] = [
  tokenRead,
  tokenReadGrpc,
  requestConnection,
  callback,
  refreshStorm,
  largeTable,
  startUp,
  slowProvider,
  installations,
]
