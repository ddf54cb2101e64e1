import { startControl, startProviderLab, type Control, type LabOptions, type ProviderLab } from '../../src/index.js'

// The control API as another process would use it: HTTP and JSON only.

export type Reply = { status: number; type: string | null; body: any } // eslint-disable-line @typescript-eslint/no-explicit-any

export type ControlledLab = {
  lab: ProviderLab
  control: Control
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  close(): Promise<void>
}

export async function startControlledLab(options: LabOptions = {}): Promise<ControlledLab> {
  const lab = await startProviderLab(options)
  const control = await startControl(lab)
  return {
    lab,
    control,
    ask: async (method, path, body, headers = {}) => {
      const response = await fetch(control.url + path, {
        method,
        headers,
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        signal: AbortSignal.timeout(10_000),
      })
      const text = await response.text()
      return {
        status: response.status,
        type: response.headers.get('content-type'),
        body: text === '' ? undefined : JSON.parse(text),
      }
    },
    close: async () => {
      await Promise.all([lab.close(), control.close()])
    },
  }
}
