{{- define "sluice.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "sluice.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "sluice.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "sluice.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sluice.selector" -}}
app.kubernetes.io/name: {{ include "sluice.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sluice.labels" -}}
{{ include "sluice.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "sluice.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sluice.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "sluice.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* sluice.yaml: the operator's configuration and the chart's settings. Checked here, where an error still prevents the release. */}}
{{- define "sluice.configuration" -}}
{{- $config := deepCopy .Values.config -}}
{{- $own := dict "host" "0.0.0.0" "port" 8080 "admin" (dict "host" "0.0.0.0" "port" 8081) -}}
{{- $_ := set $config "server" (mergeOverwrite (deepCopy ($config.server | default dict)) $own) -}}
{{- if eq .Values.redis.mode "config" -}}
{{- if not $config.redis }}{{ fail "redis.mode is config, but config.redis is missing" }}{{ end -}}
{{- else if $config.redis -}}
{{- if or $config.redis.url $config.redis.cluster $config.redis.sentinel }}{{ fail "config.redis has an address of Redis: set redis.mode to config" }}{{ end -}}
{{- end -}}
{{- if not (or (($config.files).s3) (($config.files).directory)) -}}
{{- $_ := set $config "files" (mergeOverwrite (dict "directory" "/files") ($config.files | default dict)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* "yes" if files are in a volume. */}}
{{- define "sluice.hasVolume" -}}
{{- if not ((.Values.config.files).s3) -}}yes{{- end -}}
{{- end -}}

{{- define "sluice.checkGroups" -}}
{{- $served := dict -}}
{{- $all := false -}}
{{- range .Values.workerGroups -}}
{{- if not .providers }}{{ $all = true }}{{ end -}}
{{- range .providers -}}
{{- if not (hasKey (default dict $.Values.config.providers) .) }}{{ fail (printf "workerGroups: no such provider: %s" .) }}{{ end -}}
{{- $_ := set $served . true -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := .Values.config.providers -}}
{{- if not (or $all (hasKey $served $name)) }}{{ fail (printf "workerGroups: nobody serves the provider %s" $name) }}{{ end -}}
{{- end -}}
{{- if not .Values.config.providers }}{{ fail "config.providers is empty: workers have nothing to call" }}{{ end -}}
{{- end -}}

{{- define "sluice.variable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: {{ .key }}{{ if .optional }}, optional: true{{ end }} }
{{- end -}}

{{/* Stores and secrets of every process. */}}
{{- define "sluice.environment" -}}
- name: SLUICE_CONFIG
  value: /etc/sluice/sluice.yaml
- name: SLUICE_DATA
  value: /data
{{- $own := .Values.secrets.existingSecret }}
{{- if eq .Values.redis.mode "external" }}
{{ include "sluice.variable" (dict "name" "SLUICE_REDIS_URL" "secret" .Values.redis.external.secret "key" .Values.redis.external.key) }}
{{- else if eq .Values.redis.mode "bundled" }}
{{ include "sluice.variable" (dict "name" "REDIS_PASSWORD" "secret" $own "key" .Values.redis.bundled.passwordKey) }}
- name: SLUICE_REDIS_URL
  value: redis://:$(REDIS_PASSWORD)@{{ include "sluice.fullname" . }}-redis:6379
{{- end }}
{{- include "sluice.databaseVariables" (dict "root" . "key" .Values.postgres.external.key) }}
{{ include "sluice.variable" (dict "name" "SLUICE_SECRETS_KEY" "secret" $own "key" "SLUICE_SECRETS_KEY") }}
{{- range .Values.secrets.common }}
{{ include "sluice.variable" . }}
{{- end }}
{{- end -}}

{{- define "sluice.databaseVariables" -}}
{{- with .root }}
{{- if eq .Values.postgres.mode "bundled" }}
{{ include "sluice.variable" (dict "name" "POSTGRES_PASSWORD" "secret" .Values.secrets.existingSecret "key" .Values.postgres.bundled.passwordKey) }}
- name: SLUICE_DATABASE_URL
  value: postgres://sluice:$(POSTGRES_PASSWORD)@{{ include "sluice.fullname" . }}-postgres:5432/sluice
{{- else }}
{{ include "sluice.variable" (dict "name" "SLUICE_DATABASE_URL" "secret" .Values.postgres.external.secret "key" $.key) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Keys of providers: real ones for processes that call providers, a placeholder for those that only read the same configuration. */}}
{{- define "sluice.providerVariables" -}}
{{- range .root.Values.secrets.providers }}
{{- if $.calls }}
{{ include "sluice.variable" . }}
{{- else }}
- name: {{ .name }}
  value: not-needed-here
{{- end }}
{{- end }}
{{- end -}}

{{- define "sluice.volumeMounts" -}}
- { name: config, mountPath: /etc/sluice, readOnly: true }
- { name: data, mountPath: /data }
- { name: tmp, mountPath: /tmp }
{{- end -}}

{{- define "sluice.volumes" -}}
- name: config
  configMap: { name: {{ include "sluice.fullname" . }} }
- name: data
  emptyDir: {}
- name: tmp
  emptyDir: {}
{{- end -}}

{{- define "sluice.spread" -}}
{{- if .root.Values.topologySpread.enabled }}
topologySpreadConstraints:
{{- range .root.Values.topologySpread.keys }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.root.Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "sluice.selector" $.root | nindent 8 }}
        app.kubernetes.io/component: {{ $.component }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
A Deployment of one kind of process.
  root, component, args, values (resources, podAnnotations, nodeSelector, tolerations, affinity), replicas (null: an autoscaler has
  them), calls (it calls providers), hasFiles, extraEnv, ports, probes, preStop
*/}}
{{- define "sluice.deployment" -}}
{{- $root := .root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "sluice.fullname" $root }}-{{ .component }}
  labels:
    {{- include "sluice.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  {{- if not (kindIs "invalid" .replicas) }}
  replicas: {{ .replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
  selector:
    matchLabels:
      {{- include "sluice.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  template:
    metadata:
      labels:
        {{- include "sluice.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
      annotations:
        checksum/config: {{ include "sluice.configuration" $root | sha256sum }}
        {{- with .values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "sluice.serviceAccount" $root }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext: {{- toYaml $root.Values.podSecurityContext | nindent 8 }}
      {{- include "sluice.spread" . | trim | nindent 6 }}
      {{- with .values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: sluice
          image: {{ include "sluice.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: {{ toJson .args }}
          securityContext: {{- toYaml $root.Values.securityContext | nindent 12 }}
          env:
            {{- include "sluice.environment" $root | nindent 12 }}
            {{- include "sluice.providerVariables" . | trim | nindent 12 }}
            {{- with .extraEnv }}
            {{- . | trim | nindent 12 }}
            {{- end }}
          ports: {{- toYaml .ports | nindent 12 }}
          {{- with .preStop }}
          lifecycle:
            preStop:
              exec: { command: {{ toJson . }} }
          {{- end }}
          {{- toYaml .probes | nindent 10 }}
          resources: {{- toYaml .values.resources | nindent 12 }}
          volumeMounts:
            {{- include "sluice.volumeMounts" $root | nindent 12 }}
            {{- if and .hasFiles (include "sluice.hasVolume" $root) }}
            - { name: files, mountPath: /files }
            {{- end }}
      volumes:
        {{- include "sluice.volumes" $root | nindent 8 }}
        {{- if and .hasFiles (include "sluice.hasVolume" $root) }}
        - name: files
          persistentVolumeClaim: { claimName: {{ $root.Values.files.existingClaim | default (printf "%s-files" (include "sluice.fullname" $root)) }} }
        {{- end }}
{{- end -}}

{{/* Probes of processes that serve no clients. /healthz fails if their regular work has not succeeded for a minute. */}}
{{- define "sluice.healthProbes" -}}
startupProbe:
  httpGet: { path: /healthz, port: health }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: health }
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /healthz, port: health }
  periodSeconds: 10
  timeoutSeconds: 5
{{- end -}}

{{- define "sluice.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "sluice.fullname" .root }}-{{ .component }}
  labels:
    {{- include "sluice.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  {{- toYaml .budget | nindent 2 }}
  selector:
    matchLabels:
      {{- include "sluice.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
{{- end -}}
