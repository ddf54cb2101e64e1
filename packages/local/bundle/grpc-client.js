// In the place of grpc-js's client, whose methods the server's files list and never call.
export class Client {
  constructor() {
    throw new Error('a bundle holds no gRPC client')
  }
}
