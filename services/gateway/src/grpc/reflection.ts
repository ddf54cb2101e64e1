// Owns when reflection (grpc.reflection.v1 and v1alpha) is loaded: when a client first asks, which few ever do, because it takes a
// fifth of a start and its tables stay in memory. Does not own what it answers: @grpc/reflection.
import { type Server, type ServerDuplexStream, status } from '@grpc/grpc-js'
import type { PackageDefinition } from '@grpc/proto-loader'

const reflectionServices = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection']

type Service = Pick<Server, 'addService'>
type Loaded = Parameters<Service['addService']>
type Call = ServerDuplexStream<unknown, unknown>

const methodName = 'ServerReflectionInfo'

/** Serves reflection over what `describe` gives, which is asked once, at the first call. */
export function addReflection(server: Service, describe: () => PackageDefinition): void {
  let loading: Promise<readonly Loaded[]> | undefined
  for (const service of reflectionServices) {
    let loaded: Loaded | undefined
    const path = `/${service}/${methodName}`
    const serve = async (call: Call): Promise<void> => {
      loading ??= load(describe)
      loaded ??= (await loading).find(([definition]) => definition[methodName]?.path === path)
      const handle = loaded?.[1][methodName]
      if (handle === undefined) throw new Error(`@grpc/reflection serves no ${path}`)
      Reflect.apply(handle, undefined, [call])
    }
    // A request is read and decoded only when somebody listens for it: that is after `serve` has found what decodes it.
    const found = () => {
      const method = loaded?.[0][methodName]
      if (method === undefined) throw new Error(`${path} was decoded before it was loaded`)
      return method
    }
    const method = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: (request: unknown) => found().requestSerialize(request),
      requestDeserialize: (bytes: Buffer): unknown => found().requestDeserialize(bytes),
      responseSerialize: (response: unknown) => found().responseSerialize(response),
      responseDeserialize: (bytes: Buffer): unknown => found().responseDeserialize(bytes),
    }
    const refuse = (call: Call) => call.emit('error', { code: status.INTERNAL, details: 'reflection is not available' })
    server.addService(
      { [methodName]: method },
      { [methodName]: (call: Call) => void serve(call).catch(() => refuse(call)) },
    )
  }
}

/** What @grpc/reflection would add to a server. */
async function load(describe: () => PackageDefinition): Promise<readonly Loaded[]> {
  const { ReflectionService } = await import('@grpc/reflection')
  const services: Loaded[] = []
  new ReflectionService(describe()).addToServer({ addService: (...service) => void services.push(service) })
  return services
}
