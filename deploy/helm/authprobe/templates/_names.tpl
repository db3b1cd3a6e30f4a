{{/* The name of everything that the release makes. */}}
{{- define "authprobe.name" -}}
{{- if contains "authprobe" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-authprobe" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells the pods of this release from all others. */}}
{{- define "authprobe.selector" -}}
app.kubernetes.io/name: authprobe
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "authprobe.labels" -}}
{{ include "authprobe.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "authprobe.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "authprobe.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "authprobe.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}
