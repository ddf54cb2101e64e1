// Owns every limit of size, number and time that somebody else can run into, in one place: docs/limits.md repeats each of
// them and a test compares. Does not own deadlines among ourselves (leases, polls, drains).

/** Consents and what they bring. */
export const consentLimits = {
  /** Consents of one tenant that may wait for an answer at once; OPEN_CONSENTS_PER_TENANT. */
  openPerTenant: 1_000,
  /** Milliseconds from `connect_code` to its end: the browser goes straight to the application. */
  connectCodeMs: 60_000,
  /** Milliseconds after which a grant that nobody completed is revoked and destroyed. */
  uncompletedMs: 600_000,
} as const
