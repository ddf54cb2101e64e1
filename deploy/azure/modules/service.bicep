// Owns the shape every service of ours has on Container Apps: identity, secrets, probes, scale, drain.
// Does not own what distinguishes them: broker.bicep and gateway.bicep.
param name string
param location string
param environmentName string
param identityName string
param registryServer string
param vaultName string
param image string
param ingress object

@description('Port that answers /healthz and /readyz.')
param probePort int

@description('Plain variables: { name, value }.')
param settings array

@description('Names of secrets in the vault. `encryption-key` becomes the variable ENCRYPTION_KEY.')
param secretNames array

param minReplicas int
param maxReplicas int

resource appsEnvironment 'Microsoft.App/managedEnvironments@2025-07-01' existing = {
  name: environmentName
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

// Without a version in its URL a secret follows its rotation.
var secrets = [for secret in secretNames: {
  name: secret
  keyVaultUrl: 'https://${vaultName}${environment().suffixes.keyvaultDns}/secrets/${secret}'
  identity: identity.id
}]

var secretSettings = [for secret in secretNames: {
  name: toUpper(replace(secret, '-', '_'))
  secretRef: secret
}]

resource app 'Microsoft.App/containerApps@2025-07-01' = {
  name: name
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
      activeRevisionsMode: 'Single'
      ingress: ingress
      registries: [
        {
          server: registryServer
          identity: identity.id
        }
      ]
      secrets: secrets
    }
    template: {
      // Above the 25 s in which the services drain after SIGTERM.
      terminationGracePeriodSeconds: 40
      containers: [
        {
          name: name
          image: image
          env: concat(settings, secretSettings)
          resources: {
            cpu: json('0.5')
            memory: '1Gi'
          }
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/healthz'
                port: probePort
              }
              periodSeconds: 4
              timeoutSeconds: 3
              failureThreshold: 10
            }
            {
              // Looks at the process alone: a database that is away is no reason to restart the service.
              type: 'Liveness'
              httpGet: {
                path: '/healthz'
                port: probePort
              }
              periodSeconds: 15
              timeoutSeconds: 3
              failureThreshold: 4
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/readyz'
                port: probePort
              }
              periodSeconds: 5
              timeoutSeconds: 4
              failureThreshold: 3
            }
          ]
        }
      ]
      scale: {
        minReplicas: minReplicas
        maxReplicas: maxReplicas
        rules: [
          {
            name: 'requests'
            http: {
              metadata: {
                concurrentRequests: '100'
              }
            }
          }
        ]
      }
    }
  }
}

output fqdn string = app.properties.configuration.ingress.fqdn
