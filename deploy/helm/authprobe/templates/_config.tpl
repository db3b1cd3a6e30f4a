{{/* The configuration file: the user's tree, and what the chart decides. */}}
{{- define "authprobe.config" -}}
{{- if not .Values.config.targets -}}
{{- fail "config.targets: name at least one target" -}}
{{- end -}}
{{- $ours := dict
    "listen" (printf "0.0.0.0:%d" (int .Values.port))
    "api_token" (dict "env" "AUTHPROBE_API_TOKEN")
    "store" (dig "store" "/var/lib/authprobe/authprobe.db" .Values.config) -}}
{{- if hasKey (dig "changes" dict .Values.config) "kubernetes" -}}
{{- $_ := set $ours "changes" (dict "kubernetes" (dict "mode" (include "authprobe.mode" .))) -}}
{{- end -}}
{{- mustMergeOverwrite (deepCopy .Values.config) $ours | toYaml -}}
{{- end -}}
