// Owns the job that brings the database to the schema of a release. Started by hand, before the broker of that release.
targetScope = 'resourceGroup'

param name string = 'dromos'
param location string = resourceGroup().location
param registryServer string
param vaultName string

@description('Tag of dromos-broker in the registry.')
param version string

resource appsEnvironment 'Microsoft.App/managedEnvironments@2025-07-01' existing = {
  name: '${name}-environment'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: '${name}-broker'
}

resource job 'Microsoft.App/jobs@2025-07-01' = {
  name: '${name}-migrate'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    environmentId: appsEnvironment.id
    workloadProfileName: 'Consumption'
    configuration: {
      triggerType: 'Manual'
      replicaTimeout: 900
      // A migration that failed is looked at by a person, not tried again.
      replicaRetryLimit: 0
      manualTriggerConfig: {
        parallelism: 1
        replicaCompletionCount: 1
      }
      registries: [
        {
          server: registryServer
          identity: identity.id
        }
      ]
      secrets: [
        {
          name: 'database-url'
          keyVaultUrl: 'https://${vaultName}${environment().suffixes.keyvaultDns}/secrets/database-url'
          identity: identity.id
        }
      ]
    }
    template: {
      containers: [
        {
          name: 'migrate'
          image: '${registryServer}/dromos-broker:${version}'
          command: ['node', 'services/broker/dist/migrate.js']
          env: [
            {
              name: 'DATABASE_URL'
              secretRef: 'database-url'
            }
          ]
          resources: {
            cpu: json('0.25')
            memory: '0.5Gi'
          }
        }
      ]
    }
  }
}

output jobName string = job.name
