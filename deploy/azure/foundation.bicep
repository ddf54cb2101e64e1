// Owns what outlives every release: network, logs, registry, key vault, identities, environment and database.
// Does not own the services themselves: migration.bicep, broker.bicep, gateway.bicep.
targetScope = 'resourceGroup'

@description('Prefix of every name: lower-case letters and digits, because the registry allows nothing else.')
@minLength(3)
@maxLength(12)
param name string = 'dromos'

param location string = resourceGroup().location

@description('Administrator of the database server. The connection string goes to the key vault: README.md, step 3.')
param databaseAdministrator string = 'dromos'

@secure()
@minLength(16)
param databasePassword string

@description('A burstable size is enough for trials; its connections (50) must cover replicas x DATABASE_POOL_SIZE.')
param databaseSku object = {
  name: 'Standard_D2ds_v5'
  tier: 'GeneralPurpose'
}

@allowed(['Disabled', 'SameZone', 'ZoneRedundant'])
param databaseHighAvailability string = 'Disabled'

@minValue(30)
param logRetentionDays int = 30

var suffix = uniqueString(resourceGroup().id)

module network 'modules/network.bicep' = {
  name: 'network'
  params: {
    name: name
    location: location
  }
}

module database 'modules/database.bicep' = {
  name: 'database'
  params: {
    name: '${name}-${suffix}'
    location: location
    subnetId: network.outputs.databaseSubnetId
    privateDnsZoneId: network.outputs.privateDnsZoneId
    administrator: databaseAdministrator
    password: databasePassword
    sku: databaseSku
    highAvailability: databaseHighAvailability
  }
}

module identities 'modules/identities.bicep' = {
  name: 'identities'
  params: {
    name: name
    suffix: suffix
    location: location
  }
}

resource logs 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: '${name}-logs'
  location: location
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: logRetentionDays
  }
}

resource appsEnvironment 'Microsoft.App/managedEnvironments@2025-07-01' = {
  name: '${name}-environment'
  location: location
  properties: {
    appLogsConfiguration: {
      destination: 'log-analytics'
      logAnalyticsConfiguration: {
        customerId: logs.properties.customerId
        sharedKey: logs.listKeys().primarySharedKey
      }
    }
    vnetConfiguration: {
      infrastructureSubnetId: network.outputs.appsSubnetId
      internal: false
    }
    workloadProfiles: [
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
  }
}

output environmentName string = appsEnvironment.name
output environmentDomain string = appsEnvironment.properties.defaultDomain
output registryName string = identities.outputs.registryName
output registryServer string = identities.outputs.registryServer
output vaultName string = identities.outputs.vaultName
output databaseHost string = database.outputs.host
