/** The v1 API as the walk uses it; HTTP and gRPC offer the same operations. */
export type Edge = {
  name: 'HTTP' | 'gRPC'
  requestConnection(asked: {
    userId: string
    provider: string
    scopes: string[]
    returnUrl: string
  }): Promise<Requested>
  /** pending, active or failed. */
  checkConnection(connectionId: string): Promise<string>
  getToken(connectionId: string): Promise<string>
  refreshConnection(connectionId: string): Promise<string>
  /** Ids of the person's connections, newest first. */
  listConnections(userId: string): Promise<string[]>
  getConnection(connectionId: string): Promise<Seen>
  stepUp(connectionId: string, asked: { scopes: string[]; returnUrl: string }): Promise<Requested>
  reconnect(connectionId: string, asked: { returnUrl: string; completionChallenge: string }): Promise<Requested>
  /** The application says which of its users is signed in: the connection takes what was granted. */
  complete(connectionId: string, completion: Completion): Promise<Seen>
  /** Ends the connection; how far it got. */
  disconnect(connectionId: string): Promise<Seen>
  close(): void
}

export type Requested = { connectionId: string; authUrl: string }

export type Completion = { connectCode: string; userId: string; verifier: string }

export type Seen = { status: string; grantedScopes: string[] }
