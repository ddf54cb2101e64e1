// Owns the broker: private, reached by the gateway alone. Browsers come to /auth/* through the gateway.
targetScope = 'resourceGroup'

param name string = 'dromos'
param location string = resourceGroup().location
param registryServer string
param vaultName string

@description('Tag of dromos-broker in the registry.')
param version string

@description('Public URL of the gateway: providers know <baseUrl>/auth/callback as the redirect URI.')
param baseUrl string

@description('Where browsers may be sent after a consent: app.example.com,*.example.com')
param allowedReturnDomains string

@description('Of encryption-keys-retired and state-keys-retired those that exist in the vault: README.md, key rotation.')
param retiredKeySecrets array = []

@description('Never 0: the broker refreshes tokens before they expire, asked or not.')
@minValue(1)
param minReplicas int = 1
param maxReplicas int = 4

@minValue(2)
param databasePoolSize int = 10

module broker 'modules/service.bicep' = {
  // Not `broker`: a deployment is named after its template, and two in one group may not share a name.
  name: 'broker-app'
  params: {
    name: '${name}-broker'
    location: location
    environmentName: '${name}-environment'
    identityName: '${name}-broker'
    registryServer: registryServer
    vaultName: vaultName
    image: '${registryServer}/dromos-broker:${version}'
    ingress: {
      external: false
      targetPort: 8080
      transport: 'http'
      allowInsecure: false
      additionalPortMappings: [
        {
          // For a Prometheus in the environment. One port for each service: they share the environment's.
          external: false
          targetPort: 9100
          exposedPort: 9101
        }
      ]
    }
    probePort: 8080
    settings: [
      {
        name: 'PORT'
        value: '8080'
      }
      {
        name: 'METRICS_PORT'
        value: '9100'
      }
      {
        name: 'BASE_URL'
        value: baseUrl
      }
      {
        name: 'ALLOWED_RETURN_DOMAINS'
        value: allowedReturnDomains
      }
      {
        name: 'DATABASE_POOL_SIZE'
        value: string(databasePoolSize)
      }
    ]
    secretNames: concat(['database-url', 'encryption-key', 'state-key'], retiredKeySecrets)
    minReplicas: minReplicas
    maxReplicas: maxReplicas
  }
}

output brokerUrl string = 'https://${broker.outputs.fqdn}'
