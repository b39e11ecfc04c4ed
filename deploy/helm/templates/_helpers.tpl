{{/* The name of the StatefulSet, this one and "-publisher", is part of a label of
its pods, "NAME-HASH" of at most 63 characters: 42 are left for this one. */}}
{{- define "flagcast.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 42 | trimSuffix "-" -}}
{{- else if contains (default .Chart.Name .Values.nameOverride) .Release.Name -}}
{{- .Release.Name | trunc 42 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (default .Chart.Name .Values.nameOverride) | trunc 42 | trimSuffix "-" -}}
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
{{- if regexMatch "(^|/)unleash-edge$" .Values.image.repository -}}
{{- fail (printf "image.repository: %s is the image of Unleash Edge: want one of flagcast, or remove it for the default" .Values.image.repository) -}}
{{- end -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{/* podLabels writes labels of a pod: {labels, selector}. The selector's win. */}}
{{- define "flagcast.podLabels" -}}
{{ .selector }}
{{- $selector := fromYaml .selector }}
{{- range $name, $value := .labels }}
{{- if not (hasKey $selector $name) }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* backstagePort returns the port of api.backstage.listen of a configuration, or "". */}}
{{- define "flagcast.backstagePort" -}}
{{- regexFind "[0-9]+$" (dig "api" "backstage" "listen" "" .) -}}
{{- end -}}

{{/* env writes the variables of a container: {root, config, env, port}. What config
sets has no variable, which would override it; what env sets replaces the chart's. */}}
{{- define "flagcast.env" -}}
{{- $port := .port | toString -}}
{{- $given := list -}}
{{- range .env -}}
{{- $given = append $given .name -}}
{{- if and (eq .name "PORT") (ne (.value | toString) $port) -}}
{{- fail (printf "env: PORT is %v and the port of the container %s: set edge.port in place of PORT" .value $port) -}}
{{- end -}}
{{- end -}}
{{- $own := list (dict "name" "PORT" "value" $port) -}}
{{- if not (or (dig "upstream" "url" "" .config) (dig "upstream" "file" "" .config)) -}}
{{- $own = append $own (dict "name" "UPSTREAM_URL" "value" .root.Values.edge.upstreamUrl) -}}
{{- end -}}
{{- if not (dig "state" "dir" "" .config) -}}
{{- $own = append $own (dict "name" "BACKUP_FOLDER" "value" "/var/lib/flagcast") -}}
{{- end -}}
{{- if and .root.Values.edge.logLevel (not (dig "log" "level" "" .config)) -}}
{{- $own = append $own (dict "name" "RUST_LOG" "value" .root.Values.edge.logLevel) -}}
{{- end -}}
{{- if and .root.Values.edge.logFormat (not (dig "log" "format" "" .config)) -}}
{{- $own = append $own (dict "name" "LOG_FORMAT" "value" .root.Values.edge.logFormat) -}}
{{- end -}}
{{- if .config -}}
{{- $own = append $own (dict "name" "FLAGCAST_CONFIG" "value" "/etc/flagcast/flagcast.yaml") -}}
{{- end -}}
{{- $all := list -}}
{{- range $own -}}
{{- if not (has .name $given) -}}
{{- $all = append $all . -}}
{{- end -}}
{{- end -}}
{{- toYaml (concat $all .env) -}}
{{- end -}}

{{/* probe writes one probe: {name, probe}. With "enabled" it is a request to "path".
A handler of another kind replaces the default one: a probe has one handler. */}}
{{- define "flagcast.probe" -}}
{{- with .probe }}
{{- $probe := . }}
{{- if hasKey . "enabled" }}
{{- $path := .path | default (dig "httpGet" "path" "/internal-backstage/health" .) }}
{{- $probe = omit . "enabled" "path" "exec" "grpc" "tcpSocket" }}
{{- $probe = set $probe "httpGet" (dict "path" $path "port" "http") }}
{{- else if or .exec .grpc .tcpSocket }}
{{- $probe = omit . "httpGet" }}
{{- end }}
{{- if or (not (hasKey . "enabled")) .enabled }}
{{ $.name }}:
  {{- toYaml $probe | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* spread adds the selector to constraints: {constraints, selector, version}. Pods of
one revision are spread, as far as the version of Kubernetes has that. */}}
{{- define "flagcast.spread" -}}
{{- $own := dict "labelSelector" (dict "matchLabels" (fromYaml .selector)) -}}
{{- if semverCompare ">=1.27-0" .version -}}
{{- $_ := set $own "matchLabelKeys" (list "pod-template-hash") -}}
{{- end -}}
{{- $all := list -}}
{{- range .constraints -}}
{{- if hasKey . "labelSelector" -}}
{{- $all = append $all . -}}
{{- else -}}
{{- $all = append $all (merge (dict) . $own) -}}
{{- end -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{/* monitored writes the labels by which the ServiceMonitor selects Services. */}}
{{- define "flagcast.monitored" -}}
{{- with omit .Values.serviceMonitor.extraSelectorLabels "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}
