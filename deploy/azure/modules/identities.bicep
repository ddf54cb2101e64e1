// Owns the registry, the key vault, and one identity per service with what that service may read.
// The gateway's right to its one secret is granted with the gateway: the secret does not exist yet.
param name string
param suffix string
param location string

var acrPull = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '7f951dda-4ed3-4680-a7ca-43fe172d538d')
var secretsUser = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: '${name}${suffix}'
  location: location
  sku: {
    name: 'Basic'
  }
  properties: {
    adminUserEnabled: false
  }
}

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: take('${name}-${suffix}', 24)
  location: location
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // Whoever can purge ENCRYPTION_KEY can destroy every connection.
    enablePurgeProtection: true
  }
}

resource broker 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${name}-broker'
  location: location
}

resource gateway 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${name}-gateway'
  location: location
}

resource brokerPulls 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: registry
  name: guid(registry.id, broker.id, acrPull)
  properties: {
    roleDefinitionId: acrPull
    principalId: broker.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource gatewayPulls 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: registry
  name: guid(registry.id, gateway.id, acrPull)
  properties: {
    roleDefinitionId: acrPull
    principalId: gateway.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource brokerReadsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, broker.id, secretsUser)
  properties: {
    roleDefinitionId: secretsUser
    principalId: broker.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

output registryName string = registry.name
output registryServer string = registry.properties.loginServer
output vaultName string = vault.name
