import { startControl, startProviderLab, type Control, type LabOptions, type ProviderLab } from '../../src/index.js'

// The control API as another process would use it: HTTP and JSON only.

/** `Body` is what the caller expects of the answer; the test then says whether it came. */
export type Reply<Body> = { status: number; type: string | null; body: Body }

/** A provider as the control API shows it. */
export type Tenant = Record<
  | 'id'
  | 'issuer'
  | 'discovery_url'
  | 'client_id'
  | 'client_secret'
  | 'token_endpoint'
  | 'mtls_token_endpoint'
  | 'jwks_uri'
  | 'api_url',
  string
> & { switches: Record<string, object> }

export type ControlledLab = {
  lab: ProviderLab
  control: Control
  ask<Body = unknown>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Reply<Body>>
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
