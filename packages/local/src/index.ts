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
export { armWatchdog } from './watchdog.js'
