// Owns every limit of size, number and time that somebody outside can run into, in one place: docs/limits.md repeats each of
// them and a test compares. Does not own deadlines among ourselves (leases, polls, drains).

/** Our HTTP servers, broker and gateway alike. */
export const httpLimits = {
  /** Bytes of a request body. */
  bodyBytes: 64 * 1024,
  /** Bytes of all request headers together. */
  headerBytes: 16 * 1024,
  /** Milliseconds to receive the complete headers. */
  headersTimeoutMs: 10_000,
  /** Milliseconds to receive the complete request. */
  requestTimeoutMs: 30_000,
  /** Milliseconds between two looks for requests beyond these times: what may be added to them. */
  slowCheckIntervalMs: 5_000,
  /** Milliseconds an idle keep-alive connection stays open; longer than common proxies' 60 s. */
  keepAliveTimeoutMs: 65_000,
} as const

/** The gateway's gRPC server, under the names of its channel options. */
export const grpcLimits = {
  'grpc.max_receive_message_length': 64 * 1024,
  'grpc.max_concurrent_streams': 100,
  'grpc-node.max_session_memory': 10,
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.max_connection_idle_ms': 300_000,
} as const

/** Each client of a tenant at one replica of the broker. */
export const clientLimits = {
  /** CLIENT_REQUESTS_PER_SECOND; twice as many at once. */
  requestsPerSecond: 1_000,
  /** Clients whose requests are counted; the one seen first is forgotten first. */
  clientsCounted: 10_000,
} as const

/** Consents and what they bring. */
export const consentLimits = {
  /** Consents of one tenant that may wait for an answer at once; OPEN_CONSENTS_PER_TENANT. */
  openPerTenant: 1_000,
  /** Milliseconds from `connect_code` to its end: the browser goes straight to the application. */
  connectCodeMs: 60_000,
  /** Milliseconds after which a grant that nobody completed is revoked and destroyed. */
  uncompletedMs: 600_000,
  /** Times that static credentials of one link are shown to their provider. */
  attemptsPerLink: 10,
} as const

/** What people type in for a provider with static credentials, and the schema that describes it. */
export const schemaLimits = {
  /** Bytes of a credential schema. */
  schemaBytes: 16 * 1024,
  /** Levels of nesting in it. */
  depth: 8,
  /** Fields of a form. */
  fields: 50,
  /** Bytes of one value. */
  valueBytes: 8 * 1024,
} as const

/** Calls of a provider. */
export const outboundLimits = {
  /** Milliseconds until the socket is connected, name and TLS included. */
  connectMs: 3_000,
  /** Milliseconds to the head of the answer to a GET; a POST may take `totalMs`. */
  answerHeadersMs: 5_000,
  /** Milliseconds for all of it; shorter than a refresh lease (15 s): a call never outlives the right to make it. */
  totalMs: 10_000,
  /** Milliseconds a connection waits for its next call: servers close idle ones after two seconds at the earliest, most after five. */
  keptIdleMs: 1_000,
  /** Milliseconds after which a connection gets no further call: the certificate is looked at again. */
  keptAgeMs: 60_000,
  /** Bytes of the headers of an answer. */
  answerHeaderBytes: 32 * 1024,
  /** Bytes of an answer of a token or userinfo endpoint. */
  tokenAnswerBytes: 256 * 1024,
  /** Bytes of metadata or of a key set. */
  documentBytes: 1024 * 1024,
  /** Bytes of an answer to a pushed authorization request. */
  pushAnswerBytes: 16 * 1024,
  /** Bytes of an answer of a revocation endpoint. */
  revocationAnswerBytes: 16 * 1024,
  /** Keys of a key set. */
  keysPerSet: 100,
  /** Fetches of one key set at once because of an unknown `kid`; one more every 30 seconds. */
  keySetFetches: 3,
} as const
