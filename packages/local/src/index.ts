export { grpcEdge } from './demo/grpc-edge.js'
export { type Edge } from './demo/edge.js'
export { Browser, type BrowserOptions, type Page } from './browser/browser.js'
export { type Form } from './browser/forms.js'
export { signInAndConsent } from './browser/sign-in.js'
export { freePort } from './free-port.js'
export {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './postgres/embedded-postgres.js'
export { explain, Problem } from './problem.js'
export { call, createKey, textOf } from './stack/broker-api.js'
export { ServiceProcess } from './stack/service-process.js'
export {
  brokerEnvironment,
  brokerService,
  gatewayService,
  argumentsOf,
  programOf,
  urlsOf,
  type Environment,
  type Ports,
  type Service,
  type Shell,
} from './stack/services.js'
export { armWatchdog } from './watchdog.js'
