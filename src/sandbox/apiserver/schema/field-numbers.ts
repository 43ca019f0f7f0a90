/**
 * Protocol buffer field numbers of the types that kubectl sends in that form (`kubectl create ...`, `debug`, `auth can-i`,
 * `drain`, ...), as the generated.proto files of the Kubernetes API give them: number and name in turn, by the last words of
 * the type's name. `*Type`: a message whose members are the outer type's own. What is not here (types of status, volumes of
 * clouds) is taken as JSON or YAML only.
 */
export const fieldNumbers: Readonly<Record<string, ReadonlyMap<number, string>>> = {
  'apps.v1.Deployment': numbered('1 metadata 2 spec'),
  'apps.v1.DeploymentSpec': numbered(`
    1 replicas 2 selector 3 template 4 strategy 5 minReadySeconds 6 revisionHistoryLimit 7 paused
    9 progressDeadlineSeconds
  `),
  'apps.v1.DeploymentStrategy': numbered('1 type 2 rollingUpdate'),
  'apps.v1.RollingUpdateDeployment': numbered('1 maxUnavailable 2 maxSurge'),
  'authentication.v1.BoundObjectReference': numbered('1 kind 2 apiVersion 3 name 4 uid'),
  'authentication.v1.SelfSubjectReview': numbered('1 metadata'),
  'authentication.v1.TokenRequest': numbered('1 metadata 2 spec'),
  'authentication.v1.TokenRequestSpec': numbered('1 audiences 3 boundObjectRef 4 expirationSeconds'),
  'authorization.v1.NonResourceAttributes': numbered('1 path 2 verb'),
  'authorization.v1.ResourceAttributes': numbered(`
    1 namespace 2 verb 3 group 4 version 5 resource 6 subresource 7 name
  `),
  'authorization.v1.SelfSubjectAccessReview': numbered('1 metadata 2 spec'),
  'authorization.v1.SelfSubjectAccessReviewSpec': numbered('1 resourceAttributes 2 nonResourceAttributes'),
  'authorization.v1.SelfSubjectRulesReview': numbered('1 metadata 2 spec'),
  'authorization.v1.SelfSubjectRulesReviewSpec': numbered('1 namespace'),
  'autoscaling.v1.CrossVersionObjectReference': numbered('1 kind 2 name 3 apiVersion'),
  'autoscaling.v1.HorizontalPodAutoscaler': numbered('1 metadata 2 spec'),
  'autoscaling.v1.HorizontalPodAutoscalerSpec': numbered(`
    1 scaleTargetRef 2 minReplicas 3 maxReplicas 4 targetCPUUtilizationPercentage
  `),
  'batch.v1.CronJob': numbered('1 metadata 2 spec'),
  'batch.v1.CronJobSpec': numbered(`
    1 schedule 2 startingDeadlineSeconds 3 concurrencyPolicy 4 suspend 5 jobTemplate 6 successfulJobsHistoryLimit
    7 failedJobsHistoryLimit 8 timeZone
  `),
  'batch.v1.Job': numbered('1 metadata 2 spec'),
  'batch.v1.JobSpec': numbered(`
    1 parallelism 2 completions 3 activeDeadlineSeconds 4 selector 5 manualSelector 6 template 7 backoffLimit
    8 ttlSecondsAfterFinished 9 completionMode 10 suspend 12 backoffLimitPerIndex 13 maxFailedIndexes
    14 podReplacementPolicy 15 managedBy
  `),
  'batch.v1.JobTemplateSpec': numbered('1 metadata 2 spec'),
  'core.v1.Affinity': numbered('1 nodeAffinity 2 podAffinity 3 podAntiAffinity'),
  'core.v1.AppArmorProfile': numbered('1 type 2 localhostProfile'),
  'core.v1.Binding': numbered('1 metadata 2 target'),
  'core.v1.Capabilities': numbered('1 add 2 drop'),
  'core.v1.ClientIPConfig': numbered('1 timeoutSeconds'),
  'core.v1.ClusterTrustBundleProjection': numbered('1 name 2 signerName 3 labelSelector 4 path 5 optional'),
  'core.v1.ConfigMap': numbered('1 metadata 2 data 3 binaryData 4 immutable'),
  'core.v1.ConfigMapEnvSource': numbered('1 *LocalObjectReference 2 optional'),
  'core.v1.ConfigMapKeySelector': numbered('1 *LocalObjectReference 2 key 3 optional'),
  'core.v1.ConfigMapProjection': numbered('1 *LocalObjectReference 2 items 4 optional'),
  'core.v1.ConfigMapVolumeSource': numbered('1 *LocalObjectReference 2 items 3 defaultMode 4 optional'),
  'core.v1.Container': numbered(`
    1 name 2 image 3 command 4 args 5 workingDir 6 ports 7 env 8 resources 9 volumeMounts 10 livenessProbe
    11 readinessProbe 12 lifecycle 13 terminationMessagePath 14 imagePullPolicy 15 securityContext 16 stdin
    17 stdinOnce 18 tty 19 envFrom 20 terminationMessagePolicy 21 volumeDevices 22 startupProbe 23 resizePolicy
    24 restartPolicy
  `),
  'core.v1.ContainerPort': numbered('1 name 2 hostPort 3 containerPort 4 protocol 5 hostIP'),
  'core.v1.ContainerResizePolicy': numbered('1 resourceName 2 restartPolicy'),
  'core.v1.DownwardAPIProjection': numbered('1 items'),
  'core.v1.DownwardAPIVolumeFile': numbered('1 path 2 fieldRef 3 resourceFieldRef 4 mode'),
  'core.v1.DownwardAPIVolumeSource': numbered('1 items 2 defaultMode'),
  'core.v1.EmptyDirVolumeSource': numbered('1 medium 2 sizeLimit'),
  'core.v1.EnvFromSource': numbered('1 prefix 2 configMapRef 3 secretRef'),
  'core.v1.EnvVar': numbered('1 name 2 value 3 valueFrom'),
  'core.v1.EnvVarSource': numbered('1 fieldRef 2 resourceFieldRef 3 configMapKeyRef 4 secretKeyRef'),
  'core.v1.EphemeralContainer': numbered('1 *EphemeralContainerCommon 2 targetContainerName'),
  'core.v1.EphemeralContainerCommon': numbered(`
    1 name 2 image 3 command 4 args 5 workingDir 6 ports 7 env 8 resources 9 volumeMounts 10 livenessProbe
    11 readinessProbe 12 lifecycle 13 terminationMessagePath 14 imagePullPolicy 15 securityContext 16 stdin
    17 stdinOnce 18 tty 19 envFrom 20 terminationMessagePolicy 21 volumeDevices 22 startupProbe 23 resizePolicy
    24 restartPolicy
  `),
  'core.v1.EphemeralVolumeSource': numbered('1 volumeClaimTemplate'),
  'core.v1.ExecAction': numbered('1 command'),
  'core.v1.GRPCAction': numbered('1 port 2 service'),
  'core.v1.HTTPGetAction': numbered('1 path 2 port 3 host 4 scheme 5 httpHeaders'),
  'core.v1.HTTPHeader': numbered('1 name 2 value'),
  'core.v1.HostAlias': numbered('1 ip 2 hostnames'),
  'core.v1.HostPathVolumeSource': numbered('1 path 2 type'),
  'core.v1.KeyToPath': numbered('1 key 2 path 3 mode'),
  'core.v1.Lifecycle': numbered('1 postStart 2 preStop 3 stopSignal'),
  'core.v1.LifecycleHandler': numbered('1 exec 2 httpGet 3 tcpSocket 4 sleep'),
  'core.v1.LocalObjectReference': numbered('1 name'),
  'core.v1.NFSVolumeSource': numbered('1 server 2 path 3 readOnly'),
  'core.v1.Namespace': numbered('1 metadata 2 spec'),
  'core.v1.NamespaceSpec': numbered('1 finalizers'),
  'core.v1.NodeAffinity': numbered(`
    1 requiredDuringSchedulingIgnoredDuringExecution 2 preferredDuringSchedulingIgnoredDuringExecution
  `),
  'core.v1.NodeSelector': numbered('1 nodeSelectorTerms'),
  'core.v1.NodeSelectorRequirement': numbered('1 key 2 operator 3 values'),
  'core.v1.NodeSelectorTerm': numbered('1 matchExpressions 2 matchFields'),
  'core.v1.ObjectFieldSelector': numbered('1 apiVersion 2 fieldPath'),
  'core.v1.ObjectReference': numbered('1 kind 2 namespace 3 name 4 uid 5 apiVersion 6 resourceVersion 7 fieldPath'),
  'core.v1.PersistentVolumeClaimSpec': numbered(`
    1 accessModes 2 resources 3 volumeName 4 selector 5 storageClassName 6 volumeMode 7 dataSource 8 dataSourceRef
    9 volumeAttributesClassName
  `),
  'core.v1.PersistentVolumeClaimTemplate': numbered('1 metadata 2 spec'),
  'core.v1.PersistentVolumeClaimVolumeSource': numbered('1 claimName 2 readOnly'),
  'core.v1.Pod': numbered('1 metadata 2 spec'),
  'core.v1.PodAffinity': numbered(`
    1 requiredDuringSchedulingIgnoredDuringExecution 2 preferredDuringSchedulingIgnoredDuringExecution
  `),
  'core.v1.PodAffinityTerm': numbered(`
    1 labelSelector 2 namespaces 3 topologyKey 4 namespaceSelector 5 matchLabelKeys 6 mismatchLabelKeys
  `),
  'core.v1.PodAntiAffinity': numbered(`
    1 requiredDuringSchedulingIgnoredDuringExecution 2 preferredDuringSchedulingIgnoredDuringExecution
  `),
  'core.v1.PodDNSConfig': numbered('1 nameservers 2 searches 3 options'),
  'core.v1.PodDNSConfigOption': numbered('1 name 2 value'),
  'core.v1.PodOS': numbered('1 name'),
  'core.v1.PodReadinessGate': numbered('1 conditionType'),
  'core.v1.PodResourceClaim': numbered('1 name 3 resourceClaimName 4 resourceClaimTemplateName'),
  'core.v1.PodSchedulingGate': numbered('1 name'),
  'core.v1.PodSecurityContext': numbered(`
    1 seLinuxOptions 2 runAsUser 3 runAsNonRoot 4 supplementalGroups 5 fsGroup 6 runAsGroup 7 sysctls 8 windowsOptions
    9 fsGroupChangePolicy 10 seccompProfile 11 appArmorProfile 12 supplementalGroupsPolicy 13 seLinuxChangePolicy
  `),
  'core.v1.PodSpec': numbered(`
    1 volumes 2 containers 3 restartPolicy 4 terminationGracePeriodSeconds 5 activeDeadlineSeconds 6 dnsPolicy
    7 nodeSelector 8 serviceAccountName 9 serviceAccount 10 nodeName 11 hostNetwork 12 hostPID 13 hostIPC
    14 securityContext 15 imagePullSecrets 16 hostname 17 subdomain 18 affinity 19 schedulerName 20 initContainers
    21 automountServiceAccountToken 22 tolerations 23 hostAliases 24 priorityClassName 25 priority 26 dnsConfig
    27 shareProcessNamespace 28 readinessGates 29 runtimeClassName 30 enableServiceLinks 31 preemptionPolicy
    32 overhead 33 topologySpreadConstraints 34 ephemeralContainers 35 setHostnameAsFQDN 36 os 37 hostUsers
    38 schedulingGates 39 resourceClaims 40 resources
  `),
  'core.v1.PodTemplateSpec': numbered('1 metadata 2 spec'),
  'core.v1.PreferredSchedulingTerm': numbered('1 weight 2 preference'),
  'core.v1.Probe': numbered(`
    1 *ProbeHandler 2 initialDelaySeconds 3 timeoutSeconds 4 periodSeconds 5 successThreshold 6 failureThreshold
    7 terminationGracePeriodSeconds
  `),
  'core.v1.ProbeHandler': numbered('1 exec 2 httpGet 3 tcpSocket 4 grpc'),
  'core.v1.ProjectedVolumeSource': numbered('1 sources 2 defaultMode'),
  'core.v1.ResourceClaim': numbered('1 name 2 request'),
  'core.v1.ResourceFieldSelector': numbered('1 containerName 2 resource 3 divisor'),
  'core.v1.ResourceQuota': numbered('1 metadata 2 spec'),
  'core.v1.ResourceQuotaSpec': numbered('1 hard 2 scopes 3 scopeSelector'),
  'core.v1.ResourceRequirements': numbered('1 limits 2 requests 3 claims'),
  'core.v1.SELinuxOptions': numbered('1 user 2 role 3 type 4 level'),
  'core.v1.ScopeSelector': numbered('1 matchExpressions'),
  'core.v1.ScopedResourceSelectorRequirement': numbered('1 scopeName 2 operator 3 values'),
  'core.v1.SeccompProfile': numbered('1 type 2 localhostProfile'),
  'core.v1.Secret': numbered('1 metadata 2 data 3 type 4 stringData 5 immutable'),
  'core.v1.SecretEnvSource': numbered('1 *LocalObjectReference 2 optional'),
  'core.v1.SecretKeySelector': numbered('1 *LocalObjectReference 2 key 3 optional'),
  'core.v1.SecretProjection': numbered('1 *LocalObjectReference 2 items 4 optional'),
  'core.v1.SecretVolumeSource': numbered('1 secretName 2 items 3 defaultMode 4 optional'),
  'core.v1.SecurityContext': numbered(`
    1 capabilities 2 privileged 3 seLinuxOptions 4 runAsUser 5 runAsNonRoot 6 readOnlyRootFilesystem
    7 allowPrivilegeEscalation 8 runAsGroup 9 procMount 10 windowsOptions 11 seccompProfile 12 appArmorProfile
  `),
  'core.v1.Service': numbered('1 metadata 2 spec'),
  'core.v1.ServiceAccount': numbered('1 metadata 2 secrets 3 imagePullSecrets 4 automountServiceAccountToken'),
  'core.v1.ServiceAccountTokenProjection': numbered('1 audience 2 expirationSeconds 3 path'),
  'core.v1.ServicePort': numbered('1 name 2 protocol 3 port 4 targetPort 5 nodePort 6 appProtocol'),
  'core.v1.ServiceSpec': numbered(`
    1 ports 2 selector 3 clusterIP 4 type 5 externalIPs 7 sessionAffinity 8 loadBalancerIP 9 loadBalancerSourceRanges
    10 externalName 11 externalTrafficPolicy 12 healthCheckNodePort 13 publishNotReadyAddresses
    14 sessionAffinityConfig 17 ipFamilyPolicy 18 clusterIPs 19 ipFamilies 20 allocateLoadBalancerNodePorts
    21 loadBalancerClass 22 internalTrafficPolicy 23 trafficDistribution
  `),
  'core.v1.SessionAffinityConfig': numbered('1 clientIP'),
  'core.v1.SleepAction': numbered('1 seconds'),
  'core.v1.Sysctl': numbered('1 name 2 value'),
  'core.v1.TCPSocketAction': numbered('1 port 2 host'),
  'core.v1.Toleration': numbered('1 key 2 operator 3 value 4 effect 5 tolerationSeconds'),
  'core.v1.TopologySpreadConstraint': numbered(`
    1 maxSkew 2 topologyKey 3 whenUnsatisfiable 4 labelSelector 5 minDomains 6 nodeAffinityPolicy 7 nodeTaintsPolicy
    8 matchLabelKeys
  `),
  'core.v1.TypedLocalObjectReference': numbered('1 apiGroup 2 kind 3 name'),
  'core.v1.Volume': numbered('1 name 2 *VolumeSource'),
  'core.v1.VolumeDevice': numbered('1 name 2 devicePath'),
  'core.v1.VolumeMount': numbered(`
    1 name 2 readOnly 3 mountPath 4 subPath 5 mountPropagation 6 subPathExpr 7 recursiveReadOnly
  `),
  'core.v1.VolumeProjection': numbered('1 secret 2 downwardAPI 3 configMap 4 serviceAccountToken 5 clusterTrustBundle'),
  'core.v1.VolumeSource': numbered(`
    1 hostPath 2 emptyDir 6 secret 7 nfs 10 persistentVolumeClaim 16 downwardAPI 19 configMap 26 projected
    29 ephemeral
  `),
  'core.v1.WeightedPodAffinityTerm': numbered('1 weight 2 podAffinityTerm'),
  'core.v1.WindowsSecurityContextOptions': numbered(`
    1 gmsaCredentialSpecName 2 gmsaCredentialSpec 3 runAsUserName 4 hostProcess
  `),
  'meta.v1.DeleteOptions': numbered('1 gracePeriodSeconds 2 preconditions 4 propagationPolicy 5 dryRun'),
  'meta.v1.LabelSelector': numbered('1 matchLabels 2 matchExpressions'),
  'meta.v1.LabelSelectorRequirement': numbered('1 key 2 operator 3 values'),
  'meta.v1.ObjectMeta': numbered(`
    1 name 2 generateName 3 namespace 4 selfLink 5 uid 6 resourceVersion 7 generation 8 creationTimestamp
    9 deletionTimestamp 10 deletionGracePeriodSeconds 11 labels 12 annotations 13 ownerReferences 14 finalizers
  `),
  'meta.v1.OwnerReference': numbered('1 kind 3 name 4 uid 5 apiVersion 6 controller 7 blockOwnerDeletion'),
  'meta.v1.Preconditions': numbered('1 uid 2 resourceVersion'),
  'networking.v1.HTTPIngressPath': numbered('1 path 2 backend 3 pathType'),
  'networking.v1.HTTPIngressRuleValue': numbered('1 paths'),
  'networking.v1.Ingress': numbered('1 metadata 2 spec'),
  'networking.v1.IngressBackend': numbered('3 resource 4 service'),
  'networking.v1.IngressRule': numbered('1 host 2 *IngressRuleValue'),
  'networking.v1.IngressRuleValue': numbered('1 http'),
  'networking.v1.IngressServiceBackend': numbered('1 name 2 port'),
  'networking.v1.IngressSpec': numbered('1 defaultBackend 2 tls 3 rules 4 ingressClassName'),
  'networking.v1.IngressTLS': numbered('1 hosts 2 secretName'),
  'networking.v1.ServiceBackendPort': numbered('1 name 2 number'),
  'policy.v1.Eviction': numbered('1 metadata 2 deleteOptions'),
  'policy.v1.PodDisruptionBudget': numbered('1 metadata 2 spec'),
  'policy.v1.PodDisruptionBudgetSpec': numbered(`
    1 minAvailable 2 selector 3 maxUnavailable 4 unhealthyPodEvictionPolicy
  `),
  'rbac.v1.AggregationRule': numbered('1 clusterRoleSelectors'),
  'rbac.v1.ClusterRole': numbered('1 metadata 2 rules 3 aggregationRule'),
  'rbac.v1.ClusterRoleBinding': numbered('1 metadata 2 subjects 3 roleRef'),
  'rbac.v1.PolicyRule': numbered('1 verbs 2 apiGroups 3 resources 4 resourceNames 5 nonResourceURLs'),
  'rbac.v1.Role': numbered('1 metadata 2 rules'),
  'rbac.v1.RoleBinding': numbered('1 metadata 2 subjects 3 roleRef'),
  'rbac.v1.RoleRef': numbered('1 apiGroup 2 kind 3 name'),
  'rbac.v1.Subject': numbered('1 kind 2 apiGroup 3 name 4 namespace'),
  'scheduling.v1.PriorityClass': numbered('1 metadata 2 value 3 globalDefault 4 description 5 preemptionPolicy'),
};

function numbered(text: string): ReadonlyMap<number, string> {
  return new Map([...text.matchAll(/(\d+) (\S+)/g)].map(([, number, name = '']) => [Number(number), name]));
}
