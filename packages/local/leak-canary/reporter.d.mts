export default class LeakCanary {
  constructor(jest?: unknown, options?: { print?: (text: string) => void })
  onRunComplete(): Promise<void>
  getLastError(): Error | undefined
}
