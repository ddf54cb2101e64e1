// Owns the gateway as two apps of one image: an ingress speaks either HTTP/1.1 to its container or h2c, and gRPC needs h2c.
// Not an additional TCP port: that would leave TLS, certificates and the public port number to us.
targetScope = 'resourceGroup'

param name string = 'dromos'
param location string = resourceGroup().location
param registryServer string
param vaultName string

@description('Tag of dromos-gateway in the registry.')
param version string

@description('Output brokerUrl of broker.bicep.')
param brokerUrl string

@description('Networks (CIDR, comma list) of the ingress, whose X-Forwarded-For is believed. Empty: no header is believed.')
param trustedProxies string = ''

@description('Origins (comma list) whose pages may call the gateway. Empty: none.')
param corsAllowedOrigins string = ''

param httpMinReplicas int = 1
param grpcMinReplicas int = 0
param maxReplicas int = 10

var secretsUser = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')

var settings = [
  {
    name: 'PORT_HTTP'
    value: '8090'
  }
  {
    name: 'PORT_GRPC'
    value: '9090'
  }
  {
    name: 'METRICS_PORT'
    value: '9100'
  }
  {
    name: 'BROKER_BASE_URL'
    value: brokerUrl
  }
  {
    name: 'TRUSTED_PROXIES'
    value: trustedProxies
  }
  {
    name: 'CORS_ALLOWED_ORIGINS'
    value: corsAllowedOrigins
  }
]

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

resource gatewayKey 'Microsoft.KeyVault/vaults/secrets@2026-02-01' existing = {
  parent: vault
  name: 'broker-api-key'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: '${name}-gateway'
}

// One secret and no other: the front door must not be able to read the keys of the vault behind it.
resource gatewayReadsItsKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: gatewayKey
  name: guid(gatewayKey.id, identity.id, secretsUser)
  properties: {
    roleDefinitionId: secretsUser
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

module http 'modules/service.bicep' = {
  name: 'gateway-http'
  params: {
    name: '${name}-gateway'
    location: location
    environmentName: '${name}-environment'
    identityName: identity.name
    registryServer: registryServer
    vaultName: vaultName
    image: '${registryServer}/dromos-gateway:${version}'
    ingress: {
      external: true
      targetPort: 8090
      transport: 'http'
      allowInsecure: false
      additionalPortMappings: [
        {
          external: false
          targetPort: 9100
          exposedPort: 9102
        }
      ]
    }
    probePort: 8090
    settings: settings
    secretNames: ['broker-api-key']
    minReplicas: httpMinReplicas
    maxReplicas: maxReplicas
  }
  dependsOn: [gatewayReadsItsKey]
}

module grpc 'modules/service.bicep' = {
  name: 'gateway-grpc'
  params: {
    name: '${name}-gateway-grpc'
    location: location
    environmentName: '${name}-environment'
    identityName: identity.name
    registryServer: registryServer
    vaultName: vaultName
    image: '${registryServer}/dromos-gateway:${version}'
    ingress: {
      external: true
      targetPort: 9090
      transport: 'http2'
      allowInsecure: false
    }
    probePort: 8090
    settings: settings
    secretNames: ['broker-api-key']
    minReplicas: grpcMinReplicas
    maxReplicas: maxReplicas
  }
  dependsOn: [gatewayReadsItsKey]
}

output gatewayUrl string = 'https://${http.outputs.fqdn}'
output grpcTarget string = '${grpc.outputs.fqdn}:443'
