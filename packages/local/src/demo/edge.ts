/** The v1 API as the walk uses it; HTTP and gRPC offer the same four operations. */
export type Edge = {
  name: 'HTTP' | 'gRPC'
  requestConnection(asked: { userId: string; provider: string; returnUrl: string }): Promise<Requested>
  /** pending, active or failed. */
  checkConnection(connectionId: string): Promise<string>
  getToken(connectionId: string): Promise<string>
  refreshConnection(connectionId: string): Promise<string>
  close(): void
}

export type Requested = { connectionId: string; authUrl: string }
