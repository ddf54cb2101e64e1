// Owns what the services agree on: error reasons, problem details, wire types, proto loading.
// Does not own OAuth, HTTP or configuration.
export {
  errorReasons,
  isErrorReason,
  ServiceError,
  type ErrorExtras,
  type ErrorReason,
  type GrpcStatusName,
} from './errors.js'
export { clientLimits, consentLimits, grpcLimits, httpLimits, outboundLimits, schemaLimits } from './limits.js'
export { fromProblem, toProblem, toServiceError, type Problem } from './problem.js'
export { loadProtos, protoFiles } from './proto.js'
export type {
  ConnectionCheck,
  ConnectionItem,
  ConnectionPage,
  ConsentSpec,
  ProviderMetadata,
  ProviderMetadataEntry,
  RequestConnectionBody,
  Strategy,
  TokenPayload,
} from './wire.js'
