{{- define "longhaul.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "longhaul.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: service
{{- end }}

{{- define "longhaul.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "longhaul.selector" . }}
{{- end }}

{{- define "longhaul.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "longhaul.name" .) -}}
{{- else -}}
{{- required "serviceAccount.name: name the existing account, or set serviceAccount.create" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "longhaul.image" -}}
{{- $repository := required "image.repository: name the image of the service, for example registry.example.org/longhaul" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- /* A volume that one pod writes cannot be every replica's. */ -}}
{{- define "longhaul.keepsHome" -}}
{{- if and .Values.persistence.enabled (eq (int .Values.replicas) 1) }}true{{ end -}}
{{- end }}

{{- define "longhaul.workersNamespaces" -}}
{{- .Values.workers.namespaces | default (list .Release.Namespace) | join "," -}}
{{- end }}

{{- /* What the operator of PostgreSQL calls the service of its primary and the secret of its user. */ -}}
{{- define "longhaul.cnpg" -}}
{{ include "longhaul.name" . }}-db
{{- end }}

{{- define "longhaul.databaseSecret" -}}
{{- if eq .Values.database.mode "cloudNativePG" -}}
{{ include "longhaul.cnpg" . }}-app
{{- else -}}
{{- required "database.credentials.secretName: name a secret with the database's user and password" .Values.database.credentials.secretName -}}
{{- end -}}
{{- end }}
