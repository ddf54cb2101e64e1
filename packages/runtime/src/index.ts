// Owns what every process needs: environment, logger, metrics registry, lifecycle, HTTP basics.
// Does not own OAuth, routes or configuration of any one service.
export { ConfigurationError, resolveEnvironment, type Environment } from './environment.js'
export { createLogger, describeError, type Logger } from './logger.js'
export { createMetricsRegistry, durationBucketsSeconds, type MetricsRegistry } from './metrics.js'
export { exitOnFailedStart, runService, type RunningService } from './lifecycle.js'
export { abortOnDisconnect } from './http/abort-on-disconnect.js'
export { answerErrors, refuseMethod, refuseUnknownRoute } from './http/answer-errors.js'
export { listenHttp, type HttpServer } from './http/http-server.js'
export { httpLimits } from './http/limits.js'
export { logRequests, type FinishedRequest } from './http/log-requests.js'
export { readJson } from './http/read-json.js'
export { assignRequestId, requestIdOf, routeOf } from './http/request-id.js'
export { sendSecurityHeaders } from './http/security-headers.js'
