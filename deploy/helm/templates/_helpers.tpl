{{- define "flagcast.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (default .Chart.Name .Values.nameOverride) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (default .Chart.Name .Values.nameOverride) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "flagcast.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "flagcast.labels" -}}
{{ include "flagcast.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "flagcast.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "flagcast.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "flagcast.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{/* probe writes one probe: {name, probe}. "enabled" asks for a path. */}}
{{- define "flagcast.probe" -}}
{{- if .probe }}
{{ .name }}:
{{- if hasKey .probe "enabled" }}
{{- if .probe.enabled }}
  httpGet:
    path: {{ default (dig "httpGet" "path" "/internal-backstage/health" .probe) .probe.path }}
    port: http
{{- with omit .probe "enabled" "path" "httpGet" }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- else }}
  {{- toYaml .probe | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* spread adds the selector to constraints: {constraints, selector}. */}}
{{- define "flagcast.spread" -}}
{{- range .constraints }}
- {{ toYaml . | nindent 2 | trim }}
  labelSelector:
    matchLabels:
      {{- $.selector | nindent 6 }}
{{- end }}
{{- end -}}
