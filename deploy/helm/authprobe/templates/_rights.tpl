{{/* How Secrets are watched: off, metadata or keyed_hash. An unquoted `off` in a values file is the boolean false. */}}
{{- define "authprobe.mode" -}}
{{- $kubernetes := dig "changes" "kubernetes" nil .Values.config -}}
{{- if not (kindIs "map" $kubernetes) -}}off
{{- else if not (hasKey $kubernetes "mode") -}}metadata
{{- else if kindIs "bool" $kubernetes.mode -}}off
{{- else -}}{{ $kubernetes.mode }}
{{- end -}}
{{- end -}}

{{/* The namespaces that the targets name, as a JSON list. */}}
{{- define "authprobe.linked" -}}
{{- $linked := list -}}
{{- range .Values.config.targets -}}
{{- with dig "kubernetes" "namespace" "" . -}}{{- $linked = append $linked . -}}{{- end -}}
{{- end -}}
{{- $linked | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* The namespaces that are watched, as a JSON list: those that `changes.kubernetes.namespaces` names, else the linked. */}}
{{- define "authprobe.watched" -}}
{{- $watched := list -}}
{{- if ne (include "authprobe.mode" .) "off" -}}
{{- $watched = dig "changes" "kubernetes" "namespaces" (fromJsonArray (include "authprobe.linked" .)) .Values.config -}}
{{- if has "*" $watched -}}
{{- fail "config.changes.kubernetes.namespaces: name them; this chart makes Roles in namespaces, no ClusterRole" -}}
{{- end -}}
{{- if not $watched -}}
{{- fail "config.changes.kubernetes: no namespace to watch; set `namespaces`, or `kubernetes.namespace` of a target" -}}
{{- end -}}
{{- end -}}
{{- $watched | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* The namespaces whose pods' logs are read, as a JSON list. */}}
{{- define "authprobe.logged" -}}
{{- $logged := list -}}
{{- if dig "changes" "logs" "workloads" list .Values.config -}}
{{- $logged = concat (fromJsonArray (include "authprobe.watched" .)) (fromJsonArray (include "authprobe.linked" .)) -}}
{{- end -}}
{{- $logged | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* NAMESPACE/NAME of each Secret that a {kubernetes: {secret, key}} below the given value names, one a line. */}}
{{- define "authprobe.references" -}}
{{- if kindIs "map" . -}}
{{- range $key, $value := . -}}
{{- if and (eq $key "kubernetes") (kindIs "map" $value) (hasKey $value "secret") -}}
{{- printf "%s\n" $value.secret -}}
{{- else -}}
{{- include "authprobe.references" $value -}}
{{- end -}}
{{- end -}}
{{- else if kindIs "slice" . -}}
{{- range . -}}{{- include "authprobe.references" . -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/* The names of the Secrets by namespace that are read as credentials, as a JSON object of lists. */}}
{{- define "authprobe.credentials" -}}
{{- $names := dict -}}
{{- range include "authprobe.references" .Values.config | splitList "\n" | compact | uniq | sortAlpha -}}
{{- $parts := splitList "/" . -}}
{{- if ne (len $parts) 2 -}}
{{- fail (printf "config: `%s` is no Secret: write NAMESPACE/NAME" .) -}}
{{- end -}}
{{- $_ := set $names (first $parts) (append (get $names (first $parts) | default list) (last $parts)) -}}
{{- end -}}
{{- $names | toJson -}}
{{- end -}}

{{/* Whether the program speaks to the API server at all. */}}
{{- define "authprobe.speaksToCluster" -}}
{{- if or (ne (include "authprobe.mode" .) "off") (ne (include "authprobe.logged" .) "[]") (ne (include "authprobe.credentials" .) "{}") -}}
true
{{- end -}}
{{- end -}}
