/** Every size and time limit of our HTTP servers, in one place; docs/security.md repeats them and a test compares. */
export const httpLimits = {
  /** Bytes of a request body. */
  bodyBytes: 64 * 1024,
  /** Bytes of all request headers together. */
  headerBytes: 16 * 1024,
  /** Milliseconds to receive the complete headers. */
  headersTimeoutMs: 10_000,
  /** Milliseconds to receive the complete request. */
  requestTimeoutMs: 30_000,
  /** Milliseconds an idle keep-alive connection stays open; longer than common proxies' 60 s. */
  keepAliveTimeoutMs: 65_000,
} as const
